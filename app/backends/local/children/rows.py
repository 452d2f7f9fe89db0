"""Rows of a JSONL file in the three shapes that are trained: messages, prompt with completion, text."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.backends.local.children.failures import ChildError

MESSAGES, PROMPT, TEXT = "messages", "prompt", "text"


@dataclass(frozen=True)
class Row:
    """One row. `line` counts from 1. `value` has the shape's own keys and nothing else."""

    line: int
    shape: str
    value: dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Return the file's rows, all of one shape.

    Raises:
        ChildError: for a missing file, no rows, broken JSON, unknown or mixed shapes, and what cannot be trained here.
    """
    rows = list(_rows(path))
    if not rows:
        raise ChildError("no_rows", f"The file {path.name} has no rows.", "Choose a dataset with rows.")
    first = rows[0]
    for row in rows:
        if row.shape != first.shape:
            raise ChildError(
                "mixed_rows",
                f"Line {first.line} has {first.shape}, line {row.line} has {row.shape}: the rows differ in shape.",
                "Bring all rows to one shape.",
            )
    return rows


def _rows(path: Path) -> Iterator[Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ChildError(
            "file_missing", f"The data file {path.name} is gone.", "Upload the dataset again and start a new job."
        ) from None
    # Not splitlines(): U+2028 and friends may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _row(number, line)


def _row(number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise _bad(number, f"is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _bad(number, "is not a JSON object")
    if isinstance(value.get("messages"), list):
        return Row(number, MESSAGES, {"messages": _messages(number, value["messages"], "messages")})
    if "prompt" in value and "completion" in value:
        prompt, completion = value["prompt"], value["completion"]
        if isinstance(prompt, str) and isinstance(completion, str):
            return Row(number, PROMPT, {"prompt": prompt, "completion": completion})
        if isinstance(prompt, list) and isinstance(completion, list):
            turns = _messages(number, [*prompt, *completion], "prompt and completion")
            return Row(number, MESSAGES, {"messages": turns})
    if isinstance(value.get("text"), str):
        return Row(number, TEXT, {"text": value["text"]})
    raise _bad(number, "has neither messages, nor prompt and completion, nor text")


def _messages(number: int, turns: list[Any], name: str) -> list[dict[str, str]]:
    kept = []
    for turn in turns:
        if not isinstance(turn, dict) or not isinstance(turn.get("role"), str):
            raise _bad(number, f"has a turn in {name} without a role")
        if turn.get("tool_calls") or turn["role"] in {"tool", "function"}:
            raise ChildError(
                "tools_unsupported",
                f"Line {number} has a tool call, which this backend does not train yet.",
                "Leave rows with tool calls out.",
            )
        kept.append({"role": turn["role"], "content": _content(number, turn.get("content"))})
    if not any(turn["role"] == "assistant" for turn in kept):
        raise _bad(number, "has no assistant turn to learn from")
    return kept


def _content(number: int, content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [
            part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in content
        ]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(content):
            return "".join(texts)
        raise ChildError(
            "images_unsupported",
            f"Line {number} has an image or another part that is not text, which this backend does not train yet.",
            "Leave such rows out.",
        )
    raise _bad(number, "has a turn without content")


def _bad(number: int, what: str) -> ChildError:
    return ChildError("bad_row", f"Line {number} {what}.", "Mend the line in the dataset and start a new job.")
