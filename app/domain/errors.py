"""What can go wrong with a wish, told in the product's words.

DomainError
  +- NotFound             no such thing, or not visible to the one who asks
  +- Forbidden            the one who asks may not do this
  +- Invalid              the wish itself is wrong; `problems` says each thing, where, and how to fix it
  |    +- CostNotAccepted (spending.py)  it is billed, and nobody has agreed to pay that much
  +- WrongKey             the key that came with the wish is none, or not the present one
  +- SignInFailed         whoever wanted in is not let in; says not why
  +- TooManyTries         it was tried too often; `wait_s` says when again
  +- Conflict             the thing's state does not allow it now
  +- Stale                somebody changed it meanwhile (the revision differs)
  +- KeyMissing           a costly wish came without its idempotency key
  +- KeyReused            the same idempotency key came with another wish
  +- TooLarge             more bytes than this installation takes
  +- StorageFull          the disk has no room
  +- StorageUnusable      the database is damaged, gone, or may not be written
  +- ProviderFailed       a provider did not do as asked; `fix` says what to try
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one field: where (a JSON pointer), what, and how to fix it."""

    pointer: str
    code: str
    message: str
    fix: str = ""


class DomainError(Exception):
    """A wish that could not be granted."""

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class NotFound(DomainError):
    """No such thing."""

    def __init__(self, kind: str, identifier: str, *, fix: str = "") -> None:
        super().__init__(f"There is no {kind} {identifier!r}.", fix=fix or f"Look it up in the list of {kind}s.")
        self.kind = kind
        self.identifier = identifier


class Forbidden(DomainError):
    """The one who asks may not do this."""


class Invalid(DomainError):
    """The wish itself is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


class WrongKey(DomainError):
    """The key that came with the wish is none, or not the present one."""


class SignInFailed(DomainError):
    """Whoever wanted to sign in is not let in. Which of name and password was wrong is not said.

    `about`: the id of the person that it was about, for the audit alone.
    """

    def __init__(self, message: str, *, fix: str = "", about: str = "") -> None:
        super().__init__(message, fix=fix)
        self.about = about


class TooManyTries(DomainError):
    """It was tried too often; it may be tried again in `wait_s` seconds."""

    def __init__(self, message: str, *, wait_s: int, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.wait_s = wait_s


class Conflict(DomainError):
    """The thing's state does not allow it now; `soon`: it is on its way, and will before long."""

    def __init__(self, message: str, *, fix: str = "", soon: bool = False) -> None:
        super().__init__(message, fix=fix)
        self.soon = soon


class Stale(DomainError):
    """Somebody changed it meanwhile."""


class KeyMissing(DomainError):
    """A costly wish came without its idempotency key."""


class KeyReused(DomainError):
    """The same idempotency key came with another wish."""


class TooLarge(DomainError):
    """More bytes than this installation takes."""


class StorageFull(DomainError):
    """The disk has no room."""


class StorageUnusable(DomainError):
    """The database is damaged, gone, held by somebody else, or may not be written."""


class ProviderFailed(DomainError):
    """A provider did not do as asked."""


def or_not_found(thing: T | None, kind: str, identifier: str) -> T:
    """Return the thing.

    Raises:
        NotFound: when there is none; `kind` is its noun for people.
    """
    if thing is None:
        raise NotFound(kind, identifier)
    return thing


def no_room(error: OSError) -> StorageFull | None:
    """Return what is told of an error of the operating system that means a full disk; None of any other."""
    if error.errno not in _FULL:
        return None
    message = "The disk that holds TuneDesk's data is full; nothing was changed."
    return StorageFull(message, fix="Free some space in the data folder's file system, then try again.")
