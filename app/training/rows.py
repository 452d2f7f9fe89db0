"""Rows of a JSONL file in the shapes that are trained: messages, prompt with completion, text, preference."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.training.failures import ChildError

MESSAGES, PROMPT, TEXT, PREFERENCE = "messages", "prompt", "text", "preference"
_IGNORED = 0  # the weight of a turn that is shown to the model and not learned (OpenAI's field of that name)


@dataclass(frozen=True)
class Row:
    """One row. `line` counts from 1. `value` has the shape's own keys and nothing else.

    `aside` has the places of the assistant's turns that are not learned.
    """

    line: int
    shape: str
    value: dict[str, Any]
    ignored_turns: tuple[int, ...] = ()


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
    if "preferred_output" in value or ("chosen" in value and "rejected" in value):
        return Row(number, PREFERENCE, _preference(number, value))
    if isinstance(value.get("messages"), list):
        turns = _messages(number, value["messages"], "messages")
        return Row(number, MESSAGES, {"messages": turns}, _ignored_turns(value["messages"]))
    if "prompt" in value and "completion" in value:
        prompt, completion = value["prompt"], value["completion"]
        if isinstance(prompt, str) and isinstance(completion, str):
            return Row(number, PROMPT, {"prompt": prompt, "completion": completion})
        if isinstance(prompt, list) and isinstance(completion, list):
            given = [*prompt, *completion]
            turns = _messages(number, given, "prompt and completion")
            return Row(number, MESSAGES, {"messages": turns}, _ignored_turns(given))
    if isinstance(value.get("text"), str):
        return Row(number, TEXT, {"text": value["text"]})
    raise _bad(number, "has neither messages, nor prompt and completion, nor text, nor chosen and rejected")


def _ignored_turns(turns: list[dict[str, Any]]) -> tuple[int, ...]:
    """Return the places of the assistant's turns of weight 0."""
    weights = [turn.get("weight") if turn["role"] == "assistant" else None for turn in turns]
    return tuple(
        position for position, weight in enumerate(weights) if weight == _IGNORED and not isinstance(weight, bool)
    )


def _preference(number: int, value: dict[str, Any]) -> dict[str, Any]:
    """Return prompt, chosen and rejected, all three texts or all three lists of turns; OpenAI's names are read, too."""
    asked = value.get("input")
    prompt = asked.get("messages") if isinstance(asked, dict) else value.get("prompt")
    chosen = value.get("preferred_output", value.get("chosen"))
    rejected = value.get("non_preferred_output", value.get("rejected"))
    parts = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    if all(isinstance(part, str) for part in (chosen, rejected)) and isinstance(prompt, str | None):
        return {**parts, "prompt": prompt or ""}
    roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    turns = {name: _turns(number, part or [], name, roles[name]) for name, part in parts.items()}
    if not turns["prompt"]:  # the prompt stands at the beginning of both answers
        same = _common(turns["chosen"], turns["rejected"])
        turns = {
            "prompt": turns["chosen"][:same],
            "chosen": turns["chosen"][same:],
            "rejected": turns["rejected"][same:],
        }
    for name, part in turns.items():
        if not part or (name != "prompt" and part[-1]["role"] != "assistant"):
            raise _bad(number, f"has no {name} to learn a preference from")
    return dict(turns)


def _turns(number: int, part: object, name: str, role: str) -> list[dict[str, str]]:
    if isinstance(part, str):
        return [{"role": role, "content": part}]
    if not isinstance(part, list):
        raise _bad(number, f"has a {name} that is neither text nor a list of turns")
    return _read_turns(number, part, name)


def _common(ours: list[dict[str, str]], theirs: list[dict[str, str]]) -> int:
    same = 0
    for mine, other in zip(ours, theirs, strict=False):
        if mine != other:
            break
        same += 1
    return same


def _messages(number: int, turns: list[Any], name: str) -> list[dict[str, str]]:
    kept = _read_turns(number, turns, name)
    if not any(turn["role"] == "assistant" for turn in kept):
        raise _bad(number, "has no assistant turn to learn from")
    return kept


def _read_turns(number: int, turns: list[Any], name: str) -> list[dict[str, str]]:
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
