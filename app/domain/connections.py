"""A connection: a backend and how to reach it; and what its doctor found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class CheckStatus(StrEnum):
    """What a doctor's check came to."""

    PASS = "pass"  # noqa: S105 -- a verdict, not a secret
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """How to mend a failed check: in words, as a command, or by a page."""

    text: str
    command: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding of the doctor."""

    id: str
    title: str
    status: CheckStatus
    detail: str = ""
    fix: Fix | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """What the doctor found, and when."""

    checked_at: datetime
    checks: Sequence[Check] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing failed."""
        return all(check.status is not CheckStatus.FAIL for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One way to a backend. `slots` is how many jobs and evaluations may be active there at once.

    A paused one is looked at by the engine until it answers again; `attempts` counts those looks, until work there
    succeeds. `openai_spending`: whether programs may begin what takes machines' time or money there through `/v1`,
    where nobody reviews it; None: where nothing is billed.
    """

    id: str
    name: str
    backend: str
    settings: Mapping[str, str] = field(default_factory=dict)
    sealed: str | None = field(default=None, repr=False)  # its secrets, encrypted; opened only to make its backend
    slots: int = 1
    openai_spending: bool | None = None
    paused_reason: str | None = None
    doctor: DoctorReport | None = None
    created_at: datetime
    attempts: int = 0
    failing_since: datetime | None = None
    next_look_at: datetime | None = field(default=None, compare=False)

    @property
    def has_secrets(self) -> bool:
        """Whether secrets are kept for it; which ones, nobody is told."""
        return self.sealed is not None


def sealed_for(identifier: str) -> str:
    """Return what the secrets of a connection are sealed for: this row, and this use of it."""
    return f"{identifier} connection"
