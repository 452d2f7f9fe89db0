"""Rows through outlines and batches, and one by one: the same tokens, labels and refusals with every template.

Run by a runtime's interpreter: `python -m tests.families.encoded_twice ROWS` prints, by family, how many rows differ
and how many outlines were found. Standard output is one JSON object.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

from app.training import batch_encoding, examples
from app.training.outlines import Outlines
from app.training.rendering import Renderer, TemplateRefused
from app.training.rows import Row, read_rows
from tests.families.make import template
from tests.families.table import CHAT_FAMILIES
from tests.families.vocabulary import tokenizer

_BITS = (
    "Hello", "  lead", "trail \n", "</think>", "<think>a</think>b", "", "\n\n", "ä😀", "<|im_end|>", "x<|im_start|>",
    "{{ x }}", "\u00a0", "system", "None", "<", "<|", "Qx7vProbe", "\ue0000\ue001", "a b c", "  ",
)  # fmt: skip


def conversation(draw: random.Random) -> dict[str, Any]:
    """A conversation of what templates look for, strip and write themselves."""

    def said(role: str) -> dict[str, Any]:
        return {"role": role, "content": "".join(draw.choices(_BITS, k=draw.randint(1, 3)))}

    turns = [said("system")] if draw.random() < 0.3 else []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        turns += [said("user"), said("assistant") | ({"weight": 0} if draw.random() < 0.1 else {})]
    return {"messages": turns}


def differing(rows: list[Row], renderer: Renderer) -> int:
    """Return how many rows come out otherwise."""
    quick = [made for _, made in batch_encoding.each(rows, renderer, answers_only=True)]
    slow = [made for _, made in examples.each(rows, renderer, answers_only=True)]
    pairs = zip(quick, slow, strict=True)
    return sum(
        str(ours) != str(theirs) if isinstance(theirs, TemplateRefused) else ours != theirs for ours, theirs in pairs
    )


def main(path: Path) -> None:
    draw = random.Random(1)
    path.write_text("".join(json.dumps(conversation(draw)) + "\n" for _ in range(120)), encoding="utf-8")
    rows, found = read_rows(path), {}
    for family in CHAT_FAMILIES:
        words = tokenizer(family)
        named = family.template if isinstance(family.template, str) else (family.template or {})["default"]
        words.chat_template = template(named)
        renderer = Renderer(words)
        outlines = Outlines(renderer)
        outlines.turn([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}])
        found[family.name] = [differing(rows, renderer), sum(map(len, outlines.known.values()))]
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
