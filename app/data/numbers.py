"""JSON whose numbers stay as they are written: whole numbers of more than 64 bits, and decimals that no float holds.

orjson reads the first as floats, in silence, and both libraries the second. Where a value has a number that may be one
of these, its text is read again here.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import orjson

_INT64 = range(-(2**63), 2**64)  # what orjson keeps exactly
_MAX_INT_CHARS = 20
_MINUS_NOUGHT = re.compile(rb"-0\s*[,\]}]")


class WrittenInt(int):
    """A whole number that is written otherwise than its value, or that is wider than 64 bits."""

    written: str


class WrittenFloat(float):
    """A decimal; `written` is its text."""

    __slots__ = ("written",)
    written: str


def whole_number(digits: str) -> int:
    """Return a whole number from its text, which it keeps where it is no plain one of 64 bits."""
    if len(digits) <= _MAX_INT_CHARS and digits != "-0" and int(digits) in _INT64:
        return int(digits)
    number = WrittenInt(digits)
    number.written = digits
    return number


def decimal(digits: str) -> float:
    """Return a number with a point or an exponent from its text, which it keeps."""
    number = WrittenFloat(digits)
    number.written = digits
    return number


def loads(line: bytes) -> Any:  # noqa: ANN401 -- JSON
    """Return the value of a line, each number as it is written.

    Raises:
        orjson.JSONDecodeError: it is not JSON.
    """
    value = orjson.loads(line)
    return exactly(line.decode()) if may_be_inexact(line, value) else value


def exactly(text: str, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:  # noqa: ANN401 -- JSON
    """Return the value of a text that orjson reads, each number as it is written; `pairs` makes objects."""
    return json.loads(text, parse_int=whole_number, parse_float=decimal, object_pairs_hook=pairs)


def dumps(value: object, option: int = 0) -> bytes:
    """Return a value as JSON, each number as it was written."""
    return orjson.dumps(value, default=_as_written, option=option | orjson.OPT_PASSTHROUGH_SUBCLASS)


def may_be_inexact(line: bytes, value: object) -> bool:
    """Return whether a line may hold a number that is written in more digits than its value has."""
    return _has_float(value) or (b"-0" in line and _MINUS_NOUGHT.search(line) is not None)


def _has_float(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_float, value.values()))
    if isinstance(value, list):
        return any(map(_has_float, value))
    return isinstance(value, float)


def _as_written(value: object) -> object:
    if isinstance(value, WrittenInt | WrittenFloat):
        return orjson.Fragment(value.written)
    if isinstance(value, dict):  # one in which a key stood twice
        return dict(value)
    raise TypeError(type(value).__name__)
