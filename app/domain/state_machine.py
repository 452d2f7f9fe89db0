"""What goes from status to status along a table: the same rules for jobs, deployments and evaluations."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Self, TypeVar

FAILED = "failed"  # a status that every kind has


class IllegalTransition(Exception):
    """A status was asked to follow one that it cannot follow."""


class Status(StrEnum):
    """Where a thing is. Only the engine writes it, through `Stateful.advance`."""

    @property
    def followers(self) -> frozenset[Self]:
        """Every status that may come next, by the table of its kind."""
        raise NotImplementedError

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return not self.followers


S = TypeVar("S", bound=Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What the engine looks at until it is as people want it."""

    id: str
    note: str = ""  # what it waits for, or the last error that passes by itself; not a state
    attempts: int = 0  # that failed in a row
    created_at: datetime
    failing_since: datetime | None = None  # the first of them
    next_look_at: datetime | None = field(default=None, compare=False)  # by the engine; None: never, or not recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Stateful(Reconciled, ABC, Generic[S]):
    """What the engine leads from status to status, as far as all kinds of it are alike."""

    status: S
    reason: StrEnum | None = None
    message: str = ""
    changed_at: datetime
    ended_at: datetime | None = None

    @property
    @abstractmethod
    def connection(self) -> str:
        """The connection that it belongs to."""

    def advance(self, to: S, *, at: datetime, reason: StrEnum | None = None, message: str = "") -> Self:
        """Return it in status `to`; the same status is allowed and changes nothing.

        Raises:
            IllegalTransition: when the table of its kind does not allow it.
        """
        if to is self.status:
            return self
        if to not in self.status.followers:
            raise IllegalTransition(f"{self.status} -> {to}")
        return replace(
            self,
            status=to,
            reason=reason,
            message=message,
            note="",
            attempts=0,
            changed_at=at,
            ended_at=at if to.is_final else None,
            **self._on_entering(to, at),
        )

    def _on_entering(self, to: S, at: datetime) -> Mapping[str, Any]:  # noqa: ARG002 -- for kinds that note more
        """Return the fields of its own kind that change with the status."""
        return {}
