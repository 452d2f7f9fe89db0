"""What the present work is about, for every line that is written to the log meanwhile: person, job, connection."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from app.kit.request_ids import REQUEST_ID

_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039 -- never changed, only replaced
_KINDS: Final = {"job": "job", "con": "connection", "dep": "deployment", "evl": "evaluation", "msg": "message"}


@contextmanager
def about(*identifiers: str) -> Iterator[None]:
    """Say what the block works on, by ids; what was said before comes back after it."""
    here = _ABOUT.set(_ABOUT.get())
    note(*identifiers)
    try:
        yield
    finally:
        _ABOUT.reset(here)


def note(*identifiers: str, **named: str) -> None:
    """Say more about the present work: ids tell by their beginnings what they are; others are left out."""
    found = {_KINDS[each[:3]]: each for each in identifiers if each[3:4] == "_" and each[:3] in _KINDS}
    if found or named:
        _ABOUT.set({**_ABOUT.get(), **found, **named})


def present() -> dict[str, str]:
    """Return what is known of the present work, the request's id among it."""
    request = REQUEST_ID.get()
    return {**({"request": request} if request else {}), **_ABOUT.get()}
