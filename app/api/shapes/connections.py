"""Connections as REST sees them."""

from datetime import datetime

from app.domain.connections import CheckStatus
from app.edge.fields import Answer, Name, Whole, Wish


class ConnectionPatch(Wish):
    """What to change of a connection; any change lifts a pause."""

    name: Name | None = None
    slots: Whole | None = None


class FixOut(Answer):
    """How to mend what a check found."""

    text: str
    command: str | None
    url: str | None


class CheckOut(Answer):
    """One finding of the doctor."""

    id: str
    title: str
    status: CheckStatus
    detail: str
    fix: FixOut | None


class DoctorOut(Answer):
    """The doctor's last report."""

    checked_at: datetime
    healthy: bool
    checks: list[CheckOut]


class ConnectionOut(Answer):
    """A connection; secrets are never told."""

    id: str
    name: str
    backend: str
    settings: dict[str, str]
    has_secrets: bool
    slots: int
    paused_reason: str | None
    doctor: DoctorOut | None
    created_at: datetime
