"""What validation needs to know of a sound row, and the check that lets a quick look be trusted."""

from typing import NamedTuple

import orjson

from app.data.syntax import depth_of, has_wide, quotes_of

SEPARATOR = "\x1e"  # stands between texts, so that two rows with the same words in other messages differ
QUICK_DEPTH = 64


class Facts(NamedTuple):
    """A sound row: its roles in order, its texts joined, its answer, its untrained fields, its features."""

    roles: tuple[str, ...]
    text: str
    answer: str
    extra: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()


def extra_fields(line: bytes, quotes: int, trained: frozenset[str], others: frozenset[str]) -> frozenset[str] | None:
    """Return a row's further fields; None where the row needs a closer look (it may have a key twice, for example).

    `quotes` is the number of quotation marks that the line has outside of its further fields; `others` are fields
    that would make the row one of two formats.
    """
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if line.count(b"[") + line.count(b"{") > QUICK_DEPTH and depth_of(row) > QUICK_DEPTH:
        return None
    rest = {name: value for name, value in row.items() if name not in trained}
    if not others.isdisjoint(rest) or has_wide(rest) or quotes_of(rest) != quotes:
        return None
    return frozenset(rest)
