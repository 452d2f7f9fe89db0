"""Serves one model on loopback: `python -m app.training.server RUN/spec.json`."""

import sys
from typing import Any

from app.training.channel import Channel, run_child


def work(spec: dict[str, Any], channel: Channel) -> None:
    """Serve. Torch comes late: it reads the environment when imported, and SIGTERM must be caught before."""
    channel.state("importing")
    from app.training import serving

    serving.serve(spec, channel)


if __name__ == "__main__":
    sys.exit(run_child(work))
