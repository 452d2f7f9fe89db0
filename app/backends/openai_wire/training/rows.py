"""Canonical rows (`app.domain.canonical`) as the wire takes them: chats, or pairs of answers to a chat.

OpenAI refuses fields that it does not know, and a file with a byte-order mark; so only known fields go, without one.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.backends.openai_wire.transport.messages import messages_of
from app.domain import canonical
from app.domain.backend import DataRejected

_OF_A_MESSAGE = ("role", "content", "name", "weight", "tool_calls", "tool_call_id", "refusal")
_OF_A_ROW = ("tools", "parallel_tool_calls")


def write_rows(source: Path, out: Path) -> int:
    """Write a file of canonical rows as the wire's JSON Lines; return their number.

    Raises:
        DataRejected: for a row that has no such form.
        OSError: a file cannot be read or written.
    """
    written = 0
    with source.open("rb") as stream, out.open("wb") as target:
        for row in _rows(stream):
            target.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            written += 1
    return written


def _rows(stream: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in stream:
        row = json.loads(line)
        yield _wire(int(row.get(canonical.LINE, 0)), row)


def _wire(line: int, row: Mapping[str, Any]) -> dict[str, Any]:
    further = {name: row[name] for name in _OF_A_ROW if name in row}
    if "chosen" in row:
        return {
            "input": {"messages": _messages(row.get("prompt") or [], "user"), **further},
            "preferred_output": _messages(row["chosen"], "assistant"),
            "non_preferred_output": _messages(row["rejected"], "assistant"),
        }
    if "messages" in row:
        return {"messages": _messages(row["messages"], "user"), **further}
    if "prompt" in row:
        turns = _known(row["prompt"], "user") + _known(row["completion"], "assistant")
        return {"messages": messages_of(turns), **further}
    raise DataRejected(
        f"Line {line} is a text without a question, and this provider trains chats.",
        fix="Use rows of messages, or of prompt and completion.",
    )


def _messages(given: str | list[Mapping[str, Any]], role: str) -> list[dict[str, Any]]:
    return messages_of(_known(given, role))


def _known(given: str | list[Mapping[str, Any]], role: str) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"role": role, "content": given}]
    return [{name: each[name] for name in _OF_A_MESSAGE if name in each} for each in given]
