"""Verbs on what is at a provider with our mark on it: which of it nobody here knows any more, and its removal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.connections import Connection
from app.domain.deployments import DeploymentStatus
from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.domain.models import ModelStatus
from app.domain.serving import FindsOrphans, RemoteThing
from app.services import connections, verbs
from app.services.scope import Scope
from app.store import deployments as deployment_store
from app.store import events as event_store
from app.store import jobs as job_store
from app.store import models as model_store
from app.store.database import Reader

REMOVED = "removed"  # the kind of the journal entries that say what was removed at a provider


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundThing:
    """A remote thing, and the record here that it belongs to; `record` is None for what nobody here knows."""

    thing: RemoteThing
    record: str | None

    @property
    def is_orphan(self) -> bool:
        """Whether it is this installation's and nobody here knows it: only such things can be removed from here."""
        return self.thing.ours and self.record is None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanReport:
    """Everything at a provider with TuneDesk's mark, looked up at `checked_at`; what nobody here knows comes first."""

    connection: Connection
    checked_at: datetime
    things: Sequence[FoundThing]

    @property
    def orphans(self) -> Sequence[FoundThing]:
        """Those that nobody here knows."""
        return [each for each in self.things if each.is_orphan]

    @property
    def known(self) -> Sequence[FoundThing]:
        """Those with a record here."""
        return [each for each in self.things if each.thing.ours and each.record is not None]

    @property
    def foreign(self) -> Sequence[FoundThing]:
        """Those of other installations; they are shown, and never touched."""
        return [each for each in self.things if not each.thing.ours]


@verbs.reads("connections")
def can_report(scope: Scope, connection: Connection) -> bool:
    """Tell whether a connection's provider can be asked what is there of ours."""
    return scope.backends.opened(connection, FindsOrphans) is not None


@verbs.reads("orphans")
def report(scope: Scope, identifier: str) -> OrphanReport:
    """Ask the provider now what carries our mark, and compare it with what is recorded here.

    Raises:
        Conflict: where the provider keeps nothing apart.
        ProviderFailed: when it does not answer.
    """
    connection = connections.get(scope, identifier)
    with scope.ask(identifier, FindsOrphans) as backend:
        things = backend.remote_things()
    found = [FoundThing(thing=each, record=_record(scope.read, connection, each)) for each in things]
    found.sort(key=lambda each: (not each.is_orphan, not each.thing.billed, each.thing.kind, each.thing.name))
    return OrphanReport(connection=connection, checked_at=scope.now(), things=tuple(found))


@verbs.reads("orphans")
def find(scope: Scope, identifier: str, key: str) -> FoundThing:
    """Return one thing of the report, by its key.

    Raises:
        NotFound: when it is not there (any more).
    """
    for each in report(scope, identifier).things:
        if each.thing.key == key:
            return each
    raise NotFound("remote thing", key[:120])


@verbs.deletes("orphans")
def remove(scope: Scope, identifier: str, key: str, confirm: str) -> str:
    """Remove a thing that nobody here knows, and return how.

    Raises:
        Invalid: unless `confirm` is its name.
        Conflict: for what is known here, or belongs to another installation.
        NotFound, ProviderFailed: when it is gone, or the provider does not do it.
    """
    found = find(scope, identifier, key)
    if not found.thing.ours:
        raise Conflict(
            f"{found.thing.name} was made by another TuneDesk.", fix="Remove it there, or in the provider's own pages."
        )
    if found.record is not None:
        raise Conflict(f"{found.thing.name} belongs to {found.record}.", fix="Delete that instead.")
    if confirm != found.thing.name:
        fix = f"Type {found.thing.name} exactly."
        raise Invalid([Problem("/confirm", "mismatch", "The name you typed does not match.", fix)])
    with scope.ask(identifier, FindsOrphans) as backend:
        said = backend.remove_thing(found.thing.kind, found.thing.name)
    sentence = f"{scope.actor} removed the {found.thing.kind} {found.thing.name}: {said}"
    event_store.add(scope.write, identifier, sentence, at=scope.now(), kind=REMOVED)
    return said


def _record(tx: Reader, connection: Connection, thing: RemoteThing) -> str | None:
    """Return the id of the record here that a thing belongs to; None if there is none, or it is over."""
    if not thing.ours:
        return None
    match thing.kind:
        case "endpoint" | "deployment":
            served = deployment_store.get(tx, thing.tag)
            return served.id if served is not None and served.status is not DeploymentStatus.DELETED else None
        case "model":
            model = model_store.by_remote_id(tx, connection.id, thing.name)
            return model.id if model is not None and model.status is not ModelStatus.DELETED else None
        case "subscription":
            serving = deployment_store.of_connection(tx, connection.id)
            return serving[0].id if serving else None
        case _:
            return job_of(tx, thing.tag)


def job_of(tx: Reader, tag: str) -> str | None:
    """Return the job that a tag names: its own id, or that with the part of its rows behind it."""
    for name in (tag, tag.rpartition("-")[0]):
        job = job_store.get(tx, name) if name else None
        if job is not None:
            return job.id
    return None
