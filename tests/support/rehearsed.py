"""The house with its engine in hand: real SQLite, a scripted provider, and a clock that the test turns."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from app.backends.rehearsal import Entry, Fault, RehearsalBackend, Script
from app.domain.actors import ENGINE
from app.domain.datasets import Dataset
from app.domain.deployments import Deployment
from app.domain.evaluations import Evaluation
from app.domain.events import Event
from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.spending import AcceptedCost
from app.engine.engine import Engine
from app.services import connections, evaluations, jobs, projects
from app.services import deployments as deployments_service
from app.services.scope import Backends, Scopes
from app.store import events as event_store
from app.store.files import FileStore
from tests.support.app_context import TestHouse, chats
from tests.support.connections import REHEARSAL_ID

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("billing", "delivery", "returns")
SECOND = timedelta(seconds=1)


def rows_file(count: int = 30) -> bytes:
    """Return rows of a small triage task."""
    return chats(count, LABELS, "Message number {n} about {answer}")


class Rehearsed(TestHouse):
    """The house with its engine in hand, at a provider that can be told to misbehave."""

    def __init__(self, folder: Path, *faults: Fault, slots: int = 4, **script: Any) -> None:  # noqa: ANN401
        """Build it in an empty folder; `script` are fields of the rehearsal's script."""
        super().__init__(folder, script=Script(faults=faults, **script))
        self.backend.profile = replace(self.backend.profile, slots=slots)
        with self.scopes.open(ENGINE) as scope:
            connections.ensure_built_in(scope)
        self.engine = Engine(self.scopes)

    def again(self, *, files: FileStore | None = None) -> Self:
        """Return the house as a process finds it that starts after this one was killed: the disk is all there is."""
        heir = copy(self)
        heir.backend = RehearsalBackend(self.backend.folder, clock=self.clock, script=self.backend.script)
        heir.app_context = replace(
            self.app_context, files=files or self.app_context.files, backends=Backends([heir.backend])
        )
        heir.scopes = Scopes(heir.app_context)
        heir.engine = Engine(heir.scopes)
        return heir

    def job(self, name: str = "triage", *, accepted: AcceptedCost | None = None, **fields: Any) -> FineTuningJob:  # noqa: ANN401
        """Record a job on a project and a dataset of its own."""
        self.clock.turn(timedelta(milliseconds=5))  # so that jobs have an order
        project, rows = self.only_project(), self.tickets()
        asked = {
            "project": project,
            "connection": REHEARSAL_ID,
            "base_model": "rehearsal:small",
            "name": name,
            "training_dataset": rows.id,
        }
        with self.open() as scope:
            return jobs.create(scope, asked | fields, accepted=accepted)

    def only_project(self) -> str:
        """Return the one project's id; make it first if it is missing."""
        with self.open() as scope:
            known = projects.list_projects(scope).items
        return known[0].id if known else self.project()

    def tickets(self, content: bytes = rows_file()) -> Dataset:
        """Upload rows; the same bytes are the same dataset."""
        return self.upload(content, "tickets")

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
        with self.open() as scope:
            return jobs.get(scope, job)

    def evaluations(self, job: str) -> Sequence[Evaluation]:
        """Return the evaluations that judge a job: the base's, then the tuned model's."""
        with self.open() as scope:
            found = evaluations.list_evaluations(scope, job=job).items
        return sorted(found, key=lambda each: each.target.is_tuned)

    def deployment(self, identifier: str) -> Deployment:
        """Return a deployment."""
        with self.open() as scope:
            return deployments_service.get(scope, identifier)

    def journal(self, subject: str, kind: str | None = None) -> list[Event]:
        """Return what happened to a thing, oldest first."""
        with self.open() as scope:
            reported = event_store.after(scope.read, subject, 0, limit=1000)
        return [event for event in reported if kind is None or event.kind == kind]

    def accepted(self, tag: str) -> list[Entry]:
        """Return the submits that the provider accepted for a tag, by its own book."""
        return self.backend.made("submit", tag)

    def close(self) -> None:
        """Close the database."""
        self.engine.tasks.close()
        self.database.close()
