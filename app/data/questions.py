"""What rows ask and answer, read quickly: for splits and leaks, which look at every row of a file."""

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from app.data.convert import prompt_and_answer
from app.data.formats import chat, plain
from app.data.formats.registry import format_of_file
from app.data.limits import DEFAULT
from app.data.lines import numbered_lines

_FIRST_ROWS = 100
_TURNS = 2
Reader = Callable[[bytes], tuple[str, str]]


def row_of(line: bytes) -> Mapping[str, Any]:
    """Return a line's row; what is no object counts as an empty one, so that no line is lost."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return row if isinstance(row, dict) else {}


def question_reader(path: Path) -> Reader:
    """Return what gives a line's question and answer as `prompt_and_answer` does, quickly where the rows are plain.

    The file must be one without errors: all its rows are then in the format of the first ones.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        first = islice(numbered_lines(stream, line_bytes=DEFAULT.line_bytes), _FIRST_ROWS)
        form = format_of_file(line for _, line in first)[0]
    return {chat.FORMAT.name: _chat, plain.PAIR.name: _pair}.get(form.name, _any)


def _any(line: bytes) -> tuple[str, str]:
    return prompt_and_answer(row_of(line))


def _chat(line: bytes) -> tuple[str, str]:
    try:
        messages = chat.decode(line).messages
    except chat.REFUSED:
        return _any(line)
    if len(messages) < _TURNS:
        return _any(line)
    *asked, answer = messages
    return "\n".join([each.content for each in asked if each.role not in chat.OPENING]), answer.content


def _pair(line: bytes) -> tuple[str, str]:
    try:
        row = plain.decode_pair(line)
    except chat.REFUSED:
        return _any(line)
    return row.prompt, row.completion
