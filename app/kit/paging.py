"""Pages by cursor: where the next page begins, as an opaque text."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
MAX_LIMIT = 200
DEFAULT_LIMIT = 50
_MAX_CURSOR_CHARS = 400


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, and the cursor of the next page if there is one."""

    items: Sequence[T]
    next: str | None = None


class BadCursor(ValueError):
    """A cursor that this installation has not given out."""


def encode_cursor(*position: str | int) -> str:
    """Return the opaque text for a position (the sort key and id of a page's last item)."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode_cursor(text: str | None, *kinds: type) -> tuple[str | int, ...] | None:
    """Return the position behind `text`, or None for the first page.

    Raises:
        BadCursor: when the text is not one of ours or has other kinds of values.
    """
    if text is None:
        return None
    try:
        if len(text) > _MAX_CURSOR_CHARS:
            raise BadCursor(text[:40])
        position = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise BadCursor(text[:40]) from error
    fits = isinstance(position, list) and len(position) == len(kinds)
    if not fits or any(type(value) is not kind for value, kind in zip(position, kinds, strict=True)):
        raise BadCursor(text[:40])
    if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in position):
        raise BadCursor(text[:40])
    return tuple(position)
