"""Connections as REST sees them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.domain.connection_kinds import ConnectionKind
from app.domain.connections import Check
from app.http.fields import (
    KEYED,
    Label,
    Line,
    Name,
    RequestModel,
    ResponseModel,
    Text,
    Whole,
    described,
    exemplified,
)
from app.services.connections import MAX_SLOTS
from app.services.orphans import FoundThing, OrphanReport

Values = Annotated[dict[Name, Text], Field(max_length=40), KEYED]
Slots = Annotated[Whole, described(minimum=1, maximum=MAX_SLOTS)]


class ConnectionIn(RequestModel):
    """A new connection; `GET /connection-kinds` tells which backends there are, and what each asks for."""

    model_config = exemplified(
        {"backend": "provider", "name": "Our project", "settings": {"region": "eastus2"}, "slots": 4}
    )

    backend: Name
    name: Label = Field(description="Its name for people.")
    settings: Values = Field(default_factory=dict)
    secrets: Values = Field(default_factory=dict, description="Kept sealed, and never told again.")
    slots: Slots = Field(4, description="How many jobs and evaluations may be active there at once.")


class ConnectionPatch(RequestModel):
    """What to change of a connection; any change lifts a pause."""

    model_config = exemplified({"name": "Our project", "slots": 2})

    name: Label | None = None
    slots: Slots | None = None
    settings: Values | None = Field(None, description="All settings: what is left out is unset.")
    secrets: Values | None = Field(None, description="New secrets; what is left out is kept.")
    openai_spending: bool | None = Field(
        None, description="Whether programs may begin there through `/v1` what takes machines' time or money."
    )


class FieldOut(ResponseModel):
    """One thing that a kind of connection asks for."""

    name: str
    label: str
    help: str
    required: bool
    secret: bool = Field(description="Whether it goes into `secrets` instead of `settings`.")
    default: str
    choices: dict[str, str]
    pattern: str
    required_if: dict[str, list[str]] = Field(description="Other fields and their values that make it required.")
    only_if: dict[str, list[str]] = Field(description="Other fields and the values of theirs with which it matters.")


class ConnectionKindOut(ResponseModel):
    """A kind of connection that can be made."""

    name: str
    title: str
    summary: str
    fields: list[FieldOut]


class DoctorOut(ResponseModel):
    """The doctor's last report."""

    checked_at: datetime
    healthy: bool
    checks: list[Check]


class RemoteThingOut(ResponseModel):
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


class OrphansOut(ResponseModel):
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


class RemovalIn(RequestModel):
    """Which thing (its `key`), and its name, typed by the one who wants it gone."""

    model_config = exemplified({"key": "endpoint/triage-1", "confirm": "triage-1"})

    key: Line
    confirm: Line


class RemovalOut(ResponseModel):
    """How it was removed."""

    outcome: str


class ConnectionOut(ResponseModel):
    """A connection; secrets are never told. `next_look_at`: when a paused one looks again by itself.

    `openai_spending`: whether programs may begin there through `/v1` what takes machines' time or money; null: they
    may where nothing is billed.
    """

    id: str
    name: str
    backend: str
    settings: dict[str, str]
    has_secrets: bool
    slots: int
    openai_spending: bool | None
    paused_reason: str | None
    next_look_at: datetime | None
    doctor: DoctorOut | None
    created_at: datetime


def kind_shape(kind: ConnectionKind) -> ConnectionKindOut:
    """Return a kind of connection in its shape."""
    fields = [
        FieldOut(
            name=each.name,
            label=each.label,
            help=each.help,
            required=each.required,
            secret=each.secret,
            default=each.default,
            choices=dict(each.choices),
            pattern=each.pattern,
            required_if=_when(each.required_if),
            only_if=_when(each.only_if),
        )
        for each in kind.fields
    ]
    return ConnectionKindOut(name=kind.profile.id, title=kind.profile.title, summary=kind.summary, fields=fields)


def _when(condition: tuple[str, frozenset[str]] | None) -> dict[str, list[str]]:
    return {condition[0]: sorted(condition[1])} if condition else {}
