"""Pages by cursor: where the next page begins, as an opaque text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
MAX_LIMIT = 200
DEFAULT_LIMIT = 50
# What a position may be made of: a whole number that a database holds, and an id.
_FORMS: dict[type, str] = {int: "-?[0-9]{1,18}", str: "[0-9a-z_]{1,60}"}


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, and the cursor of the next page if there is one."""

    items: Sequence[T]
    next: str | None = None


class BadCursor(ValueError):
    """A cursor that this installation has not given out."""


def cursor_pattern(*kinds: type) -> str:
    """Return the regular expression of the cursors of a list whose positions are of these kinds."""
    return rf"^{r'[.]'.join(_FORMS[kind] for kind in kinds)}$"


def encode_cursor(*position: str | int) -> str:
    """Return the opaque text for a position (the sort key and id of a page's last item)."""
    return ".".join(str(part) for part in position)


def decode_cursor(text: str | None, *kinds: type) -> tuple[str | int, ...] | None:
    """Return the position behind `text`, or None for the first page.

    Raises:
        BadCursor: when the text is not one of ours or has other kinds of values.
    """
    if text is None:
        return None
    if re.fullmatch(cursor_pattern(*kinds), text) is None:
        raise BadCursor(text[:40])
    return tuple(kind(part) for kind, part in zip(kinds, text.split("."), strict=True))
