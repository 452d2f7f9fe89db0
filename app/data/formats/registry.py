"""The formats of rows that are told apart, and which one a row or a file is in.

A new format is one file with a `Format`, and one line in `FORMATS`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import orjson

from app.data.formats import (
    alpaca,
    chat,
    ground_truth,
    labelled,
    message_pair,
    plain,
    preference,
    sharegpt,
    sharegpt_preference,
    unpaired,
)
from app.data.formats.format import Format, Misshapen, Row
from app.data.rules import Issue

FORMATS: list[Format] = [  # in the order in which rows are held against them
    sharegpt_preference.FORMAT,
    preference.FORMAT,
    sharegpt.FORMAT,
    alpaca.FORMAT,
    labelled.FORMAT,
    ground_truth.FORMAT,
    unpaired.FORMAT,
    chat.FORMAT,
    plain.PAIR,
    message_pair.FORMAT,
    plain.TEXT,
]
AMBIGUOUS = Format(name="ambiguous", words="more than one format", marks=())
UNKNOWN = Format(name="unknown", words="no known format", marks=())


def format_of(row: Row) -> Format:
    """Return the format of one row, by its fields."""
    found = [each for each in FORMATS if each.has(row)]
    if not found:
        return UNKNOWN
    return found[0] if found[0].wins or len(found) == 1 else AMBIGUOUS


def may_be_another(form: Format, extra: frozenset[str]) -> bool:
    """Return whether a sound row of this format could be in another one, too, by its further fields."""
    names = form.fields | extra
    return any(mark <= names and not mark <= form.fields for each in FORMATS for mark in each.marks)


def issues_of(form: Format, row: Row) -> Iterator[Issue]:
    """Yield everything that is wrong with a row of a format that is understood."""
    if form.issues is not None:
        yield from form.issues(row)
        return
    try:
        canonical = form.canonical(row)
    except Misshapen as error:
        yield error.issue
        return
    for issue in issues_of(format_of(canonical), canonical):
        yield replace(issue, path="$")  # its path is one of the canonical row, not of the person's own


def format_of_file(lines: Iterable[bytes]) -> tuple[Format, tuple[str, ...]]:
    """Return the format that most of these first rows have, and the fields of the first one that can be read."""
    counts: Counter[str] = Counter()
    fields: tuple[str, ...] = ()
    for line in lines:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(row, dict):
            fields = fields or tuple(row)
            counts[format_of(row).name] += 1
    most = next((name for name, _ in counts.most_common() if name not in {UNKNOWN.name, AMBIGUOUS.name}), None)
    return next((each for each in FORMATS if each.name == most), UNKNOWN), fields
