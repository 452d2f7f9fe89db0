"""Rows of any format as canonical rows: a whole file for training and evaluation, and single ones to be shown."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from app.data import numbers
from app.data.formats import tools
from app.data.formats.format import Misshapen, Row
from app.data.formats.registry import format_of
from app.data.lines import lines_in, lines_of
from app.domain.errors import Invalid, Problem

Turn = tuple[str, str, bool]  # role, content, whether it is learned


def write_canonical(path: Path, out: Path, *, source: Path | None = None) -> int:
    """Write the rows of a file as canonical rows (`app.domain.canonical`); return their number.

    Of a part of a split, `source` is what was split: its line numbers are the ones that people know.

    Raises:
        Invalid: for the first row that cannot be understood: validate first.
        OSError: a file cannot be read or written.
    """
    written = 0
    with out.open("wb") as target:
        for number, line in lines_of(path) if source is None else lines_in(source, path):
            row = numbers.dumps(_canonical(number, line), option=orjson.OPT_APPEND_NEWLINE)
            target.write(b'{"line":%d,%b' % (number, row.removeprefix(b"{")))
            written += 1
        target.flush()
        os.fsync(target.fileno())  # before it has a name that says that it is whole
    return written


def _canonical(number: int, line: bytes) -> dict[str, Any]:
    try:
        row = numbers.loads(line)
        if isinstance(row, dict):
            return format_of(row).canonical(row)
        reason = "It is not an object."
    except (orjson.JSONDecodeError, Misshapen) as error:
        reason = str(error) if isinstance(error, Misshapen) else "It is not JSON."
    message = f"Line {number} of the dataset cannot be understood. {reason}"
    raise Invalid([Problem("/dataset", "row", message, "Fix the line, and upload the file again.")])


def conversation(row: Row) -> list[Turn]:
    """Return a row, sound or not, as turns for showing: what a turn says, and a line for each tool that it calls.

    Raises:
        Misshapen: when it cannot be understood.
    """
    return list(_turns(format_of(row).canonical(row), _shown_turn))


def prompt_and_answer(row: Row) -> tuple[str, str]:
    """Return what a row asks (all but the last message, system messages left out) and what it answers.

    A text row asks its whole text and answers nothing; a preference, and what cannot be read, is ("", "").
    """
    try:
        turns = list(_turns(format_of(row).canonical(row), _turn))
    except Misshapen:
        turns = []
    if not turns or turns[-1][0] == "rejected":
        return "", ""
    if len(turns) == 1:
        return turns[0][1], ""
    asked = [content for role, content, _ in turns[:-1] if role not in {"system", "developer"}]
    return "\n".join(asked), turns[-1][1]


def _turns(canonical: Row, turn: Callable[[object], Turn]) -> Iterator[Turn]:
    """Yield the turns of a canonical row: of a preference, the prompt's and then the end of either answer."""
    pair = "chosen" in canonical
    for name, role in (("text", "text"), ("messages", "?"), ("prompt", "user"), ("completion", "assistant")):
        part = canonical.get(name, [])
        if isinstance(part, list):
            yield from ((said, content, learned and not pair) for said, content, learned in map(turn, part))
        elif part or not pair:
            yield role, part if isinstance(part, str) else _as_text(part), role in {"text", "assistant"}
    for name in ("chosen", "rejected") if pair else ():
        answer = canonical[name]
        yield name, answer if isinstance(answer, str) else turn(answer[-1])[1], name == "chosen"


def _turn(message: object) -> Turn:
    if not isinstance(message, dict):
        return "?", _as_text(message), False
    role, content = message.get("role"), message.get("content")
    learned = role == "assistant" and message.get("weight") != 0
    return role if isinstance(role, str) else "?", content if isinstance(content, str) else _as_text(content), learned


def _shown_turn(message: object) -> Turn:
    role, content, learned = _turn(message)
    calls = message.get(tools.CALLS) if isinstance(message, dict) else None
    lines = [_call(each) for each in calls] if isinstance(calls, list) else []
    return role, "\n".join(filter(None, (content, *lines))), learned


def _call(call: object) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return _as_text(call)
    arguments = function.get("arguments")
    return f"{function.get('name')}({arguments if isinstance(arguments, str) else _as_text(arguments)})"


def _as_text(value: object) -> str:
    return "" if value is None else numbers.dumps(value).decode()
