"""What validation needs to know of a sound row, and the check that lets a quick look be trusted."""

from typing import NamedTuple

import orjson

from app.data.syntax import depth_of, needs_second_look

SEPARATOR = "\x1e"  # stands between texts, so that two rows with the same words in other messages differ
QUICK_DEPTH = 64


class Facts(NamedTuple):
    """A sound row: its roles in order, its texts joined, its answer, its untrained fields, its features."""

    roles: tuple[str, ...]
    text: str
    answer: str
    extra: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()


def extra_fields(line: bytes, known: frozenset[str], others: frozenset[str]) -> frozenset[str] | None:
    """Return a row's further fields; None where the row needs a closer look (it may have a key twice, for example).

    `others` are fields that would make the row one of two formats.
    """
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if line.count(b"[") + line.count(b"{") > QUICK_DEPTH and depth_of(row) > QUICK_DEPTH:
        return None
    if needs_second_look(line, row):
        return None
    extra = frozenset(row.keys() - known)
    return None if extra & others else extra
