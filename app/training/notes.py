"""The note in a tuned model's folder: what it is, and which base it belongs to. Standard library only."""

from pathlib import Path
from typing import Any

from app.training.run_lock import read_whole

NOTE = "tunedesk.json"
TAUGHT = "taught.json"  # in a run folder: {"chat": whether its rows are conversations, else texts without a template}


def note(spec: dict[str, Any], run: Path) -> dict[str, Any]:
    """Return the note of what a training by `spec` in `run` makes: whole weights, or an adapter upon its base.

    `chat` is missing where an earlier release trained, which did not say.

    An adapter that was trained further belongs to the model that it has always been put upon.
    """
    kind, base = "adapter" if spec["settings"]["adapter"] == "lora" else "full", dict(spec["base"])
    if kind == "adapter" and base.get("adapter"):
        base |= {"id": base["root"], "adapter": None}
    return {"kind": kind, "base": base, "name": spec["name"], **(read_whole(run / TAUGHT) or {})}
