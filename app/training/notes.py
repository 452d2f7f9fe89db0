"""The note in a tuned model's folder: what it is, and which base it belongs to. Standard library only."""

from typing import Any

NOTE = "tunedesk.json"


def note(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the note of what a training by `spec` makes: whole weights, or an adapter upon its base.

    An adapter that was trained further belongs to the model that it has always been put upon.
    """
    kind, base = "adapter" if spec["settings"]["adapter"] == "lora" else "full", dict(spec["base"])
    if kind == "adapter" and base.get("adapter"):
        base |= {"id": base["root"], "adapter": None}
    return {"kind": kind, "base": base, "name": spec["name"]}
