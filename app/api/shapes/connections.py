"""Connections as REST sees them."""

from datetime import datetime

from app.domain.connections import CheckStatus
from app.edge.fields import Answer, Line, Name, Whole, Wish
from app.services.orphans import FoundThing, OrphanReport


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


class RemoteThingOut(Answer):
    """Something at the provider with TuneDesk's mark; `record` is the id here that it belongs to, null: unknown."""

    key: str
    kind: str
    name: str
    tag: str
    installation: str
    ours: bool
    state: str
    created_at: datetime | None
    billed: bool
    record: str | None
    removable: bool

    @classmethod
    def of(cls, found: FoundThing) -> "RemoteThingOut":
        """Return a thing with what is known of it here."""
        own = {name: getattr(found.thing, name) for name in cls.model_fields if hasattr(found.thing, name)}
        return cls(**own, record=found.record, removable=found.is_orphan)


class OrphansOut(Answer):
    """What was left behind; `known` has a record here, `foreign` belongs to other installations."""

    checked_at: datetime
    orphans: list[RemoteThingOut]
    known: list[RemoteThingOut]
    foreign: list[RemoteThingOut]

    @classmethod
    def of(cls, report: OrphanReport) -> "OrphansOut":
        """Return a report."""
        parts = {name: [RemoteThingOut.of(each) for each in getattr(report, name)] for name in ("orphans", "known")}
        return cls(checked_at=report.checked_at, **parts, foreign=[RemoteThingOut.of(each) for each in report.foreign])


class RemovalIn(Wish):
    """Which thing (its `key`), and its name, typed by the one who wants it gone."""

    key: Line
    confirm: Line


class RemovalOut(Answer):
    """How it was removed."""

    outcome: str


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
