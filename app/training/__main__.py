"""Does what a spec's `kind` says; `app.training` says how it is called."""

import sys
from typing import Any

from app.training.channel import Channel, run_child
from app.training.failures import ChildError


def work(spec: dict[str, Any], channel: Channel) -> None:
    """Look at a training before it begins, train, evaluate, serve or merge.

    Torch comes late: it reads the environment when imported, and SIGTERM must be caught before.

    Raises:
        ChildError: the spec's kind is none of these; and whatever goes wrong in the work.
    """
    channel.state("importing")
    match spec.get("kind"):
        case "train":
            from app.training.training import train as do
        case "preflight":
            from app.training.preflight import preflight as do
        case "evaluate":
            from app.training.evaluation import evaluate as do
        case "serve":
            from app.training.serving import serve as do
        case "merge":
            from app.training.merging import merge as do
        case other:
            raise ChildError("unknown_kind", f"This version has no work of the kind {other!r}.", "Start it anew.")
    do(spec, channel)


if __name__ == "__main__":
    sys.exit(run_child(work))
