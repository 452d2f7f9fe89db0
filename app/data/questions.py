"""What rows ask and answer, read quickly: for splits and leaks, which look at every row of a file."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import orjson

from app.data import numbers
from app.data.convert import prompt_and_answer
from app.data.formats import chat, plain
from app.data.formats.registry import format_of_file
from app.data.limits import DEFAULT
from app.data.lines import lines_of, numbered_lines
from app.data.normalising import PART

_FIRST_ROWS = 100
_TURNS = 2
_QUOTE, _NOTHING = ord('"'), b'""'
_VALUE, _OUTER = "value", "outer"  # what the fields of a key are called here
Reader = Callable[[bytes], tuple[bytes, str | None]]


class Questions(NamedTuple):
    """Rows one after the other: their line numbers, what they ask, as `app.data.normalising` takes it, their groups.

    The group of a row that lacks the key is None.
    """

    numbers: list[int]
    texts: list[bytes]
    groups: list[str | None]


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: Literal["system", "developer", "user", "assistant"]
    content: msgspec.Raw  # the text as it stands in the file: nothing but its words is asked for


def row_of(line: bytes) -> Mapping[str, Any]:
    """Return a line's row; what is no object counts as an empty one, so that no line is lost."""
    try:
        row = numbers.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return row if isinstance(row, dict) else {}


def value_of(row: Mapping[str, Any], key: str) -> str | None:
    """Return the text or number in a field such as `metadata.customer`; None where there is none."""
    value: object = row
    for name in [key] if key in row else key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return str(value) if isinstance(value, (str, int, float)) else None


def questions_of(path: Path, most: int, *, key: str | None = None, answers: bool = False) -> Iterator[Questions]:
    """Yield all rows, as many at once as ask `most` bytes with a byte between two of them, but one at least.

    A row's group is the key's value, or else its answer where `answers` are wanted, or "". The file must be one without
    errors: all its rows are then in the format of the first ones.

    Raises:
        OSError: the file cannot be read.
    """
    read = _reader(path, key, answers=answers and not key)
    numbers, texts, groups, size = list[int](), list[bytes](), list[str | None](), 0
    for number, line in lines_of(path):
        text, group = read(line)
        size += len(text) + 1
        if size > most and texts:
            yield Questions(numbers, texts, groups)
            numbers, texts, groups, size = [], [], [], len(text) + 1
        numbers.append(number)
        texts.append(text)
        groups.append(group)
    if texts:
        yield Questions(numbers, texts, groups)


def _reader(path: Path, key: str | None, *, answers: bool) -> Reader:
    with path.open("rb") as stream:
        first = islice(numbered_lines(stream, line_bytes=DEFAULT.line_bytes), _FIRST_ROWS)
        form = format_of_file(line for _, line in first)[0]
    slow = partial(_any, key=key, answers=answers)
    makers = {chat.FORMAT.name: (_chat, {"messages": list[_Message]}), plain.PAIR.name: (_pair, _PAIR_FIELDS)}
    if form.name not in makers:
        return slow
    make, fields = makers[form.name]
    names = {_VALUE: key, _OUTER: key.split(".")[0]} if key else {}
    # msgspec gives no field a name that JSON writes with a backslash.
    if not fields.keys().isdisjoint(names.values()) or any(map(_ESCAPED.search, names.values())):
        return slow
    names = {name: field for name, field in names.items() if name == _VALUE or field != key}
    more = [(name, Any, msgspec.UNSET) for name in names]
    row = msgspec.defstruct("Row", [*fields.items(), *more], rename=names, gc=False)
    return make(msgspec.json.Decoder(row).decode, partial(_group, key=key, names=names), slow, answers=answers)


_ESCAPED = re.compile(r'[\\"\x00-\x1f]')
_PAIR_FIELDS: dict[str, Any] = {"prompt": msgspec.Raw, "completion": msgspec.Raw}


def _any(line: bytes, *, key: str | None, answers: bool) -> tuple[bytes, str | None]:
    """Read a row of whatever format."""
    row = row_of(line)
    question, answer = prompt_and_answer(row)
    group = value_of(row, key) if key else answer.strip() if answers else ""
    return orjson.dumps(question), group


def _group(row: Any, *, key: str | None, names: Mapping[str, str]) -> str | None:  # noqa: ANN401 -- made above
    if not key:
        return ""
    found = {field: getattr(row, name) for name, field in names.items()}
    return value_of({field: value for field, value in found.items() if value is not msgspec.UNSET}, key)


def _chat(decode: Callable[[bytes], Any], group: Callable[[Any], str | None], slow: Reader, *, answers: bool) -> Reader:
    opening = frozenset(chat.OPENING)

    def read(line: bytes) -> tuple[bytes, str | None]:
        try:
            row = decode(line)
        except chat.REFUSED:
            return slow(line)
        messages = row.messages
        if len(messages) < _TURNS:
            return slow(line)
        answer = messages.pop()
        asked = [bytes(each.content) for each in messages if each.role not in opening]
        for text in asked:
            if text[0] != _QUOTE:
                return slow(line)
        question = PART.join(asked) or _NOTHING
        if not answers:
            return question, group(row)
        written = bytes(answer.content)
        return (question, orjson.loads(written).strip()) if written[0] == _QUOTE else slow(line)

    return read


def _pair(decode: Callable[[bytes], Any], group: Callable[[Any], str | None], slow: Reader, *, answers: bool) -> Reader:
    def read(line: bytes) -> tuple[bytes, str | None]:
        try:
            row = decode(line)
        except chat.REFUSED:
            return slow(line)
        question, answer = bytes(row.prompt), bytes(row.completion)
        if question[0] != _QUOTE or answer[0] != _QUOTE:
            return slow(line)
        return question, orjson.loads(answer).strip() if answers else group(row)

    return read
