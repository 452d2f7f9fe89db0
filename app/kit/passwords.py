"""Passwords as argon2id hashes, a few at a time: a hash takes memory and time on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE = 2
WAITING = 6  # more than these are sent away: whoever waits holds one of the threads that make everybody's pages
_SLOTS = BoundedSemaphore(AT_ONCE)
_QUEUE = BoundedSemaphore(AT_ONCE + WAITING)


class Busy(Exception):
    """Too many passwords are being hashed; nothing was looked at."""


@contextmanager
def _slot() -> Iterator[None]:
    if not _QUEUE.acquire(blocking=False):
        raise Busy
    try:
        with _SLOTS:
            yield
    finally:
        _QUEUE.release()


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    # OWASP's password storage cheat sheet: argon2id with 19 MiB, two passes, one lane. 70 ms on a slow core.
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _nobodys() -> str:
    """Return a hash that no password has: whoever has no account waits as long as who mistypes."""
    return hashed("nobody's password, which nobody can enter \x00")


def hashed(password: str) -> str:
    """Return the hash to keep.

    Raises:
        Busy: too many are made already.
    """
    with _slot():
        return _hasher().hash(_bytes(password))


def is_right(password: str, kept: str | None) -> bool:
    """Tell whether a password is the one whose hash was kept; takes as long where there is none.

    Raises:
        Busy: too many are looked at already.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    against = kept or _nobodys()
    with _slot():
        try:
            _hasher().verify(against, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Tell whether a hash was made with other costs than new ones are."""
    return _hasher().check_needs_rehash(kept)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
