"""Rows of one or two texts: {"prompt", "completion"} and {"text"}."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Annotated, Any

import msgspec

from app.data import rules
from app.data.formats import chat
from app.data.formats.facts import SEPARATOR, Facts, extra_fields
from app.data.formats.format import Format, kind_in_words
from app.data.rules import Issue
from app.domain.datasets import DatasetFormat

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_PAIR = frozenset({"prompt", "completion"})
_TEXT = frozenset({"text"})


class _PairRow(msgspec.Struct, gc=False):
    prompt: _Text
    completion: _Text


class _TextRow(msgspec.Struct, gc=False):
    text: _Text


decode_pair = msgspec.json.Decoder(_PairRow).decode
_decode_text = msgspec.json.Decoder(_TextRow).decode


def _quick_pair(line: bytes) -> Facts | None:
    try:
        row = decode_pair(line)
    except chat.REFUSED:
        return None
    if row.prompt.isspace() or row.completion.isspace():
        return None
    return _quick(line, 8, f"{row.prompt}{SEPARATOR}{row.completion}", row.completion, _PAIR)


def _quick_text(line: bytes) -> Facts | None:
    try:
        text = _decode_text(line).text
    except chat.REFUSED:
        return None
    return None if text.isspace() else _quick(line, 4, text, "", _TEXT)


def _quick(line: bytes, quotes: int, text: str, answer: str, known: frozenset[str]) -> Facts | None:
    if "\0" in text:
        return None
    more = line.count(b'"') - quotes - text.count('"')
    extra = extra_fields(line, more, known) if more else frozenset[str]()
    return None if extra is None else Facts((), text, answer, extra)


def _text_field(row: Mapping[str, Any], name: str) -> Iterator[Issue]:
    value, path = row.get(name), f"$.{name}"
    if name not in row:
        yield Issue(rules.MISSING, f"The row has no {name}.", path, fix=f'Add "{name}": "…".')
    elif not isinstance(value, str):
        yield Issue(rules.TYPE, f"{name} is {kind_in_words(value)}, not a text.", path)
    elif not value.strip():
        yield Issue(rules.EMPTY_TEXT, f"{name} is {'blank' if value else 'empty'}.", path)
    elif "\0" in value:
        yield Issue(rules.NUL_TEXT, f"{name} holds a NUL character (\\u0000).", path)


PAIR = Format(
    name="prompt_completion",
    words="prompt and completion",
    marks=(_PAIR,),
    fits=lambda row: not (isinstance(row["prompt"], list) and isinstance(row["completion"], list)),
    shape=DatasetFormat.PROMPT_COMPLETION,
    fields=_PAIR,
    convert=lambda row: {"prompt": row["prompt"], "completion": row["completion"]},
    issues=lambda row: chain(_text_field(row, "prompt"), _text_field(row, "completion")),
    fast_check=_quick_pair,
    texts=range(2, 7, 4),  # {"prompt": "…", "completion": "
)
TEXT = Format(
    name="text",
    words="text",
    marks=(_TEXT,),
    shape=DatasetFormat.TEXT,
    fields=_TEXT,
    convert=lambda row: {"text": row["text"]},
    issues=lambda row: _text_field(row, "text"),
    fast_check=_quick_text,
    texts=range(2, 3),  # {"text": "
)
