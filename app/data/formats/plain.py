"""Rows of one or two texts: {"prompt", "completion"} and {"text"}."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from app.data import rules
from app.data.formats import chat
from app.data.formats.facts import SEPARATOR, Facts, extra_fields
from app.data.rules import Issue

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_PAIR = frozenset({"prompt", "completion"})
_TEXT = frozenset({"text"})
_NOT_BESIDE_PAIR = frozenset({"messages", "text", "chosen", "rejected", "label"})
_NOT_BESIDE_TEXT = frozenset({"messages", "completion", "chosen", "rejected", "conversations", "instruction", "label"})


class _PairRow(msgspec.Struct, gc=False):
    prompt: _Text
    completion: _Text


class _TextRow(msgspec.Struct, gc=False):
    text: _Text


_decode_pair = msgspec.json.Decoder(_PairRow).decode
_decode_text = msgspec.json.Decoder(_TextRow).decode


def quick_pair(line: bytes) -> Facts | None:
    """Return the facts of a plain, sound prompt/completion row; None where it needs a closer look."""
    try:
        row = _decode_pair(line)
    except _REFUSED:
        return None
    if row.prompt.isspace() or row.completion.isspace():
        return None
    return _quick(line, 8, f"{row.prompt}{SEPARATOR}{row.completion}", row.completion, _PAIR, _NOT_BESIDE_PAIR)


def quick_text(line: bytes) -> Facts | None:
    """Return the facts of a plain, sound text row; None where it needs a closer look."""
    try:
        text = _decode_text(line).text
    except _REFUSED:
        return None
    return None if text.isspace() else _quick(line, 4, text, "", _TEXT, _NOT_BESIDE_TEXT)


def _quick(
    line: bytes, quotes: int, text: str, answer: str, known: frozenset[str], others: frozenset[str]
) -> Facts | None:
    if "\0" in text:
        return None
    more = line.count(b'"') - quotes - text.count('"')
    extra = extra_fields(line, more, known, others) if more else frozenset[str]()
    return None if extra is None else Facts((), text, answer, extra)


def pair_issues(row: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield everything that is wrong with a prompt/completion row."""
    for name in ("prompt", "completion"):
        yield from _text_field(row, name)


def text_issues(row: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield everything that is wrong with a text row."""
    yield from _text_field(row, "text")


def pair_facts(row: Mapping[str, Any]) -> Facts:
    """Return the facts of a prompt/completion row without errors."""
    text = f"{row['prompt']}{SEPARATOR}{row['completion']}"
    return Facts((), text, row["completion"], frozenset(row.keys() - _PAIR))


def text_facts(row: Mapping[str, Any]) -> Facts:
    """Return the facts of a text row without errors."""
    return Facts((), row["text"], "", frozenset(row.keys() - _TEXT))


def _text_field(row: Mapping[str, Any], name: str) -> Iterator[Issue]:
    value, path = row.get(name), f"$.{name}"
    if name not in row:
        yield Issue(rules.MISSING, f"The row has no {name}.", path, fix=f'Add "{name}": "…".')
    elif not isinstance(value, str):
        yield Issue(rules.TYPE, f"{name} is {chat.kind_in_words(value)}, not a text.", path)
    elif not value.strip():
        yield Issue(rules.EMPTY_TEXT, f"{name} is {'blank' if value else 'empty'}.", path)
    elif "\0" in value:
        yield Issue(rules.NUL_TEXT, f"{name} holds a NUL character (\\u0000).", path)
