"""A whole house without a web server: real SQLite, the rehearsal backend, and a clock that the test turns."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.backends.rehearsal import Entry, Fault, RehearsalBackend, Script
from app.domain.actors import ENGINE, OWNER
from app.domain.connections import REHEARSAL_ID
from app.domain.datasets import Dataset
from app.domain.deployments import Deployment
from app.domain.evaluations import Evaluation
from app.domain.events import Event
from app.domain.jobs import FineTuningJob, JobStatus
from app.engine.engine import Engine
from app.kit.clock import TurnedClock
from app.services import connections, datasets, evaluations, jobs, projects
from app.services import deployments as deployments_service
from app.services.files import FileStore
from app.services.scope import Backends, House, Scopes
from app.setup.runtimes import RuntimeEnvironments
from app.store import events as event_store
from app.store.database import Database
from app.store.migrating import upgrade

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("billing", "delivery", "returns")
SECOND = timedelta(seconds=1)


def rows_file(count: int = 30) -> bytes:
    """Return rows of a small triage task."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Message number {number} about {LABELS[number % 3]}"},
                {"role": "assistant", "content": LABELS[number % 3]},
            ]
        }
        for number in range(count)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@dataclass
class Rehearsed:
    """The house and the hands to work it with."""

    clock: TurnedClock
    backend: RehearsalBackend
    database: Database
    scopes: Scopes
    engine: Engine

    @classmethod
    def build(cls, folder: Path, *faults: Fault, slots: int = 4, **script: Any) -> "Rehearsed":  # noqa: ANN401
        """Build it in an empty folder; `script` are fields of the rehearsal's script."""
        clock = TurnedClock()
        backend = RehearsalBackend(folder / "provider", clock=clock, script=Script(faults=faults, **script))
        url = f"sqlite:///{folder / 'tunedesk.sqlite3'}"
        upgrade(url, ROOT / "migrations")
        house = House(
            database=Database(url),
            clock=clock,
            files=FileStore(folder / "data", upload_limit=2**20, disk_reserve=0),
            backends=Backends({"rehearsal": backend}),
            runtimes=RuntimeEnvironments(folder / "runtimes"),
            samples=ROOT / "app" / "samples",
            version="0",
        )
        scopes = Scopes(house)
        with scopes.open(ENGINE) as scope:
            connections.ensure_built_in(scope, local_slots=1, rehearsal_slots=slots)
        return cls(clock=clock, backend=backend, database=house.database, scopes=scopes, engine=Engine(scopes))

    def again(self, *, files: FileStore | None = None) -> "Rehearsed":
        """Return the house as a process finds it that starts after this one was killed: the disk is all there is."""
        old = self.backend
        backend = RehearsalBackend(old.folder, clock=self.clock, script=old.script)
        house = self.scopes.house
        fresh = Scopes(
            House(
                database=house.database,
                clock=house.clock,
                files=files or house.files,
                backends=Backends({"rehearsal": backend}),
                runtimes=house.runtimes,
                samples=house.samples,
                version=house.version,
            )
        )
        return Rehearsed(self.clock, backend, self.database, fresh, Engine(fresh))

    def job(self, name: str = "triage", **fields: Any) -> FineTuningJob:  # noqa: ANN401
        """Record a job on a project and a dataset of its own."""
        self.clock.turn(timedelta(milliseconds=5))  # so that jobs have an order
        project, rows = self.project(), self.dataset()
        asked = {
            "project": project,
            "connection": REHEARSAL_ID,
            "base_model": "rehearsal:small",
            "name": name,
            "training_dataset": rows.id,
        }
        with self.scopes.open(OWNER) as scope:
            return jobs.create(scope, asked | fields)

    def project(self) -> str:
        """Return the one project's id; make it first if it is missing."""
        with self.scopes.open(OWNER) as scope:
            known = projects.list_projects(scope).items
            return known[0].id if known else projects.create(scope, "Support").id

    def dataset(self, content: bytes = rows_file()) -> Dataset:
        """Upload rows; the same bytes are the same dataset."""
        with self.scopes.open(OWNER) as scope:
            return datasets.upload(scope, name="tickets", filename="tickets.jsonl", chunks=[content])

    def tick(self, times: int = 1, *, every: timedelta = SECOND) -> int:
        """Turn the clock and the engine, `times` times; return how many rows acted."""
        acted = 0
        for _ in range(times):
            self.clock.turn(every)
            acted += self.engine.tick()
        return acted

    def until(self, job: str, *statuses: JobStatus, limit: int = 400) -> FineTuningJob:
        """Turn until a job has one of these statuses (None given: until it is over).

        Raises:
            AssertionError: it never does.
        """
        for _ in range(limit):
            seen = self.look(job)
            if seen.status in statuses or (not statuses and seen.status.is_final):
                return seen
            self.tick()
        raise AssertionError(f"{self.look(job)} never became {statuses or 'final'}")

    def look(self, job: str) -> FineTuningJob:
        """Return a job."""
        with self.scopes.open(OWNER) as scope:
            return jobs.get(scope, job)

    def evaluations(self, job: str) -> Sequence[Evaluation]:
        """Return the evaluations that judge a job: the base's, then the tuned model's."""
        with self.scopes.open(OWNER) as scope:
            found = evaluations.list_evaluations(scope, job=job).items
        return sorted(found, key=lambda each: each.target.is_tuned)

    def deployment(self, identifier: str) -> Deployment:
        """Return a deployment."""
        with self.scopes.open(OWNER) as scope:
            return deployments_service.get(scope, identifier)

    def journal(self, subject: str, kind: str | None = None) -> list[Event]:
        """Return what happened to a thing, oldest first."""
        with self.scopes.open(OWNER) as scope:
            told = event_store.after(scope.read, subject, 0, limit=1000)
        return [event for event in told if kind is None or event.kind == kind]

    def accepted(self, tag: str) -> list[Entry]:
        """Return the submits that the provider accepted for a tag, by its own book."""
        return self.backend.made("submit", tag)

    def close(self) -> None:
        """Close the database."""
        self.engine.checking.close()
        self.database.close()
