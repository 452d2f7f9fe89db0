"""Frozen domain values to JSON text and back, checked on the way in."""

from typing import TypeVar

import msgspec

T = TypeVar("T")


def dump(value: object) -> str:
    """Return a domain value (dataclasses, enums, moments, mappings) as JSON text."""
    return msgspec.json.encode(value).decode()


def load(kind: type[T], text: str) -> T:
    """Return the domain value behind JSON text that `dump` made."""
    return msgspec.json.decode(text, type=kind)
