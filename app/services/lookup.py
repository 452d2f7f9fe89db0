"""Looking things up so that a missing one is always told in the same way."""

from typing import TypeVar

from app.domain.errors import NotFound

T = TypeVar("T")


def or_not_found(thing: T | None, kind: str, identifier: str) -> T:
    """Return the thing.

    Raises:
        NotFound: when there is none; `kind` is its noun for people.
    """
    if thing is None:
        raise NotFound(kind, identifier)
    return thing
