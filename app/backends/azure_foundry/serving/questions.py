"""Held-out rows as questions for an endpoint: what is asked, and the answer that is expected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from app.domain.backend import DataRejected

Turns = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Question:
    """One row: its line in the file, what people are shown, the turns that are sent, the expected answer."""

    line: int
    shown: str
    turns: Turns
    expected: str


def questions(path: Path, *, system: str | None, few_shot: Sequence[Mapping[str, Any]]) -> list[Question]:
    """Return a file's rows as questions: the last assistant turn, or the completion, is the expected answer.

    Raises:
        DataRejected: for a line that is none, or rows that ask nothing.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DataRejected("The file with the test rows is gone.", fix="Upload the dataset again.") from error
    found = [_question(text, number, system, few_shot) for number, text in enumerate(lines, start=1) if text.strip()]
    if not found:
        raise DataRejected("There are no test rows.", fix="Choose another dataset.")
    return found


def _question(text: bytes, line: int, system: str | None, few_shot: Sequence[Mapping[str, Any]]) -> Question:
    try:
        row = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise DataRejected(f"Line {line} of the test rows is not JSON.", fix="Mend the line.") from error
    turns = _turns(row)
    last = max((index for index, turn in enumerate(turns) if turn["role"] == "assistant"), default=-1)
    if last < 1:
        raise DataRejected(
            f"Line {line} of the test rows asks nothing.",
            fix="Use rows with a question: an endpoint is asked.",
        )
    asked = turns[:last]
    head = [turn for turn in asked if turn["role"] == "system"]
    if system is not None:
        head = [{"role": "system", "content": system}]
    shots = [turn for example in few_shot for turn in _turns(example) if turn["role"] != "system"]
    shown = next((turn["content"] for turn in reversed(asked) if turn["role"] == "user"), "")
    sent = [*head, *shots, *(turn for turn in asked if turn["role"] != "system")]
    return Question(line, shown, sent, turns[last]["content"])


def _turns(row: Mapping[str, Any]) -> Turns:
    """Return a row as turns; a prompt with its completion is one question with its answer, plain text is none."""
    if isinstance(row.get("messages"), list):
        return [
            {"role": str(each.get("role", "")), "content": str(each.get("content") or "")} for each in row["messages"]
        ]
    if "completion" in row:
        asked, answered = str(row.get("prompt", "")), str(row["completion"])
        return [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return []
