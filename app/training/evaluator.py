"""Evaluates one model: `python -m app.training.evaluator RUN/spec.json`."""

import sys
from typing import Any

from app.training.channel import Channel, run_child


def work(spec: dict[str, Any], channel: Channel) -> None:
    """Evaluate. Torch comes late: it reads the environment when imported, and SIGTERM must be caught before."""
    channel.state("importing")
    from app.training import evaluation

    evaluation.evaluate(spec, channel)


if __name__ == "__main__":
    sys.exit(run_child(work))
