"""The card that goes with a tuned model's files: what it is, what it was made from, and by which settings."""

import hashlib
from pathlib import Path
from typing import Any

_METHODS = {"sft": "supervised fine-tuning", "dpo": "direct preference optimisation (DPO)"}
_CHUNK = 2**20


def card(spec: dict[str, Any], facts: dict[str, Any]) -> str:
    """Return the model card as Markdown."""
    best = facts["best_step"]
    which = f"the checkpoint of step {best}, chosen by validation loss" if best else "the last step"
    return _card(spec, facts, which=which, steps=facts["steps"])


def card_of_checkpoint(spec: dict[str, Any], facts: dict[str, Any], *, step: int, loss: float | None) -> str:
    """Return the card of a model that was made of one checkpoint."""
    measured = "" if loss is None else f", validation loss {loss:.4g}"
    return _card(spec, facts, which=f"the checkpoint of step {step}{measured}", steps=step)


def _card(spec: dict[str, Any], facts: dict[str, Any], *, which: str, steps: int) -> str:
    settings = "\n".join(f"| {name} | {value} |" for name, value in sorted(spec["settings"].items()))
    versions = ", ".join(f"{name} {number}" for name, number in facts.get("versions", {}).items())
    kind = "a LoRA adapter for" if spec["settings"]["adapter"] == "lora" else "fine-tuned from"
    base, root = spec["base"]["id"], spec["base"].get("root")
    further = f" (which goes back to `{root}`)" if root and root != base else ""
    licence = spec.get("licence") or "not known"
    return f"""# {spec["name"]}

This model is {kind} `{base}`{further} by {_METHODS.get(spec.get("method", "sft"))}, {steps} steps. Its weights are
those of {which}.

## Data

| part | SHA-256 of the rows as they were trained on |
|---|---|
{_hashes(spec)}

## Measured

{_measured(facts)}

## Settings

| setting | value |
|---|---|
{settings}
| seed | {spec["seed"]} |

## Licence

The base model's licence ({licence}) holds for what is made from it; so may the terms of the training data. Read both
before you pass this model on.

Made with TuneDesk{f" on {facts['device']}" if facts.get("device") else ""}{f", {versions}" if versions else ""}.
"""


def _hashes(spec: dict[str, Any]) -> str:
    parts = [(name, spec.get(key)) for name, key in (("training", "train"), ("validation", "validation"))]
    return "\n".join(f"| {name} | `{_sha256(Path(path))}` |" for name, path in parts if path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return "gone"
    return digest.hexdigest()


def _measured(facts: dict[str, Any]) -> str:
    names = {
        "best_validation_loss": "best validation loss",
        "tokens": "tokens seen",
        "parameters": "parameters",
        "trained_parameters": "of them trained",
        "train_runtime": "seconds of training",
        "peak_memory_bytes": "bytes of memory at the most",
    }
    reported = [
        f"| {name} | {facts[key]:.6g} |" for key, name in names.items() if isinstance(facts.get(key), int | float)
    ]
    return "\n".join(["| figure | value |", "|---|---|", *reported]) if reported else "Nothing yet."
