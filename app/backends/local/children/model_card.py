"""The card that goes with a tuned model's files: what it is, what it was made from, and by which settings."""

from typing import Any


def card(spec: dict[str, Any], facts: dict[str, Any]) -> str:
    """Return the model card as Markdown."""
    settings = "\n".join(f"| {name} | {value} |" for name, value in sorted(spec["settings"].items()))
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    kind = "a LoRA adapter for" if spec["settings"]["adapter"] == "lora" else "fine-tuned from"
    best = (
        f"the checkpoint of step {facts['best_step']}, chosen by validation loss"
        if facts["best_step"]
        else "the last step"
    )
    return f"""# {spec["name"]}

This model is {kind} `{spec["base"]["id"]}` by supervised fine-tuning; {facts["tokens"]} tokens were seen in
{facts["steps"]} steps. Its weights are those of {best}.

| setting | value |
|---|---|
{settings}
| seed | {spec["seed"]} |

Made with {versions} on {facts["device"]}.
"""
