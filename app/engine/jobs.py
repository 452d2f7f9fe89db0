"""The level of jobs: which act a job needs in which status, and what every act's end has in common."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from app.domain.backend import Backend, BackendError, NotAuthorised, Transient
from app.domain.connections import Connection
from app.domain.events import EventLevel
from app.domain.jobs import FineTuningJob, JobGoal, JobReason, JobStatus
from app.engine import pace, places
from app.engine.turn import Also, Outcome, Turn
from app.services.scope import Scope
from app.store import connections, events
from app.store import jobs as store

NOTE_LIMIT = 1000  # characters of a provider's sentence that are kept as a note


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A job in its turn, with the connection and the backend that it belongs to."""

    turn: Turn
    job: FineTuningJob
    connection: Connection
    backend: Backend

    @property
    def is_wanted(self) -> bool:
        """Whether people still want what it makes: all of it, or what has been learned by now."""
        return self.job.goal is not JobGoal.CANCELLED

    def stays(self, due_in: timedelta, *also: Also, job: FineTuningJob | None = None, note: str = "") -> Outcome:
        """Return: nothing moves; look again later, with a note for people."""
        return self.becomes(replace(job or self.job, note=note), due_in, *also)

    def becomes(self, job: FineTuningJob, due_in: timedelta | None, *also: Also) -> Outcome:
        """Return: the job as given, a journal entry if its status is another, and a place for others if it is over."""
        writes = list(also)
        if job.status is not self.job.status:
            # What the backend told came before the end, and after every other change.
            place = len(writes) if job.status.is_final else 0
            writes.insert(place, entry(job.id, job.status.value, kind="status", level=_level(job)))
        if job.status.is_final:
            due_in = None
            writes.append(places.wake_waiting(job.spec.connection))
        return Outcome(values=store.values(job), due_in=due_in, also=writes)

    def advances(
        self,
        to: JobStatus,
        due_in: timedelta | None = pace.SOON,
        *also: Also,
        reason: JobReason | None = None,
        message: str = "",
    ) -> Outcome:
        """Return: the job in another status."""
        changed = self.job.advance(to, at=self.turn.now(), reason=reason, message=message)
        return self.becomes(changed, due_in, *also)

    def fails(self, reason: JobReason, message: str) -> Outcome:
        """Return: the job has failed."""
        return self.advances(JobStatus.FAILED, None, reason=reason, message=message)

    def meets(self, error: BackendError, job: FineTuningJob | None = None) -> Outcome:
        """Return what a backend's error comes to: wait and try again, pause the connection, or fail."""
        seen = job or self.job
        said = sentence(error)
        if isinstance(error, NotAuthorised):
            pausing = places.pause(self.connection.id, said)
            return self.stays(pace.PAUSED, pausing, job=seen, note=f"The connection is paused: {said}")
        if not isinstance(error, Transient):
            failed = seen.advance(JobStatus.FAILED, at=self.turn.now(), reason=error.reason, message=said)
            return self.becomes(failed, None)
        later = replace(seen, attempts=seen.attempts + 1)
        first = [entry(seen.id, said, level=EventLevel.WARNING)] if later.attempts == 1 else []
        return self.stays(pace.backoff(later.attempts, asked=error.retry_after), *first, job=later, note=said)


def sentence(error: BackendError) -> str:
    """Return a backend's error as a note: what, and how to mend it."""
    return f"{error.detail} {error.fix}".strip()[:NOTE_LIMIT]


def entry(subject: str, message: str, *, level: EventLevel = EventLevel.INFO, kind: str = "note") -> Also:
    """Return the writing of one journal entry."""

    def write(scope: Scope) -> None:
        events.add(scope.write, subject, message, at=scope.now(), level=level, kind=kind)

    return write


def _level(job: FineTuningJob) -> EventLevel:
    return EventLevel.ERROR if job.status is JobStatus.FAILED else EventLevel.INFO


def open_work(turn: Turn) -> Work | None:
    """Return the claimed job with what belongs to it; None if it is gone or needs nothing any more."""
    with turn.open() as scope:
        job = store.get(scope.read, turn.id)
        connection = None if job is None else connections.get(scope.read, job.spec.connection)
        if job is None or connection is None or job.status.is_final:
            return None
        return Work(turn=turn, job=job, connection=connection, backend=scope.backends.of(connection))


Act = Callable[[Work], Outcome | Callable[[Scope], Outcome]]
