"""A whole house with a connection to an emulated plane: services, engine and database are the product's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from app.backends.openai_wire.kinds import OpenAIKind
from app.domain.connection_kinds import ConnectionKind
from app.domain.connections import Connection
from app.domain.events import Event
from app.domain.jobs import FineTuningJob, JobStatus
from app.engine.engine import Engine
from app.services import connections, jobs
from app.services.scope import Backends, Scopes
from app.store import events as event_store
from tests.support.app_context import TestHouse
from tests.support.clock import TurnedClock
from tests.support.openai_plane.bench import OUTGOING
from tests.support.openai_plane.plane import KEY, Plane
from tests.support.openai_plane.script import Script
from tests.support.openai_plane.server import serving
from tests.support.openai_plane.tls import names
from tests.support.rehearsed import rows_file
from tests.support.spending import ANYTHING


class WireHouse(TestHouse):
    """The house with its engine in hand; the plane's clock is turned with the house's own."""

    base_model = "gpt-4.1-mini-2025-04-14"

    def __init__(self, folder: Path, plane: Plane, plane_clock: TurnedClock, kind: ConnectionKind) -> None:
        self.plane, self.plane_clock, self.kind = plane, plane_clock, kind
        super().__init__(folder, kinds=(kind,))

    def connect(self, settings: dict[str, str], secrets: dict[str, str]) -> Connection:
        """Connect the house to the plane, and start its engine."""
        kind = self.kind.profile.id
        with self.open() as scope:
            self.connection: Connection = connections.create(
                scope, backend=kind, name="Wire", settings=settings, secrets=secrets
            )
        self.engine = Engine(self.scopes)
        return self.connection

    def restart(self) -> None:
        """Go on as another process would: the disk is all there is."""
        kept = self.app_context.backends
        backends = Backends(list(kept.built_in.values()), kinds=kept.kinds, vault=kept.vault)
        self.app_context = replace(self.app_context, backends=backends)
        self.scopes = Scopes(self.app_context)
        self.engine = Engine(self.scopes)
        self.engine.take_over()

    def job(self, name: str = "triage", **fields: object) -> FineTuningJob:
        """Record a job on the plane's base model."""
        asked = {"connection": self.connection.id, "base_model": self.base_model, "name": name, "validation": None}
        rows = self.upload(rows_file(), "tickets").id
        whole = self.fields(**({"training_dataset": rows} | asked | fields))
        with self.open() as scope:
            return jobs.create(scope, whole, accepted=ANYTHING)

    def tick(self, times: int = 1, *, every: float = 1.0) -> None:
        """Turn both clocks by so many seconds, and the engine once, `times` times."""
        for _ in range(times):
            self.clock.turn(timedelta(seconds=every))
            self.plane_clock.turn(timedelta(seconds=every))
            self.engine.tick()

    def look(self, job: str) -> FineTuningJob:
        """Return a job."""
        with self.open() as scope:
            return jobs.get(scope, job)

    def until(self, job: str, *statuses: JobStatus, every: float = 5.0, limit: int = 400) -> FineTuningJob:
        """Turn until a job has one of these statuses (none given: until it is over).

        Raises:
            AssertionError: it never does.
        """
        for _ in range(limit):
            seen = self.look(job)
            if seen.status in statuses or (not statuses and seen.status.is_final):
                return seen
            self.tick(every=every)
        raise AssertionError(f"{self.look(job)} never became {statuses or 'final'}")

    def journal(self, subject: str) -> list[Event]:
        """Return what happened to a thing, oldest first."""
        with self.open() as scope:
            return list(event_store.after(scope.read, subject, 0, limit=1000))

    def said(self, subject: str) -> str:
        """Return the journal as one text."""
        return "\n".join(event.message for event in self.journal(subject))

    def close(self) -> None:
        """Close the database."""
        self.engine.tasks.close()
        self.database.close()


@contextmanager
def openai_house(folder: Path, script: Script, *, itself: bool = False) -> Iterator[WireHouse]:
    """Give a house connected to OpenAI's plane: a server of its wire on this machine, or `itself`, over TLS."""
    clock, pki = TurnedClock(), names(folder) if itself else None
    plane = Plane(clock, script)
    with serving(plane, pki.server if pki else None) as base:
        outgoing = pki.outgoing(base) if pki else OUTGOING
        kind = OpenAIKind(clock=clock, cache=folder / "cache", installation=lambda: "here", outgoing=outgoing)
        house = WireHouse(folder, plane, clock, kind)
        house.connect({"base_url": base}, {"api_key": KEY})
        yield house
        house.close()
