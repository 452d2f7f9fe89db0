"""Trains one model: `python -m app.training.trainer RUN/spec.json`."""

import sys
from typing import Any

from app.training.channel import Channel, run_child


def work(spec: dict[str, Any], channel: Channel) -> None:
    """Train. Torch comes late: it reads the environment when imported, and SIGTERM must be caught before."""
    channel.state("importing")
    from app.training import training

    training.train(spec, channel)


if __name__ == "__main__":
    sys.exit(run_child(work))
