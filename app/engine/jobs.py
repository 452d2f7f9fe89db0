"""The level of jobs: which act a job needs in which status, and what every act's end has in common."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from app.domain.backend import Backend, BackendError, NotAuthorised, Transient
from app.domain.connections import Connection
from app.domain.events import EventLevel
from app.domain.jobs import FineTuningJob, JobGoal, JobReason, JobStatus
from app.engine import admission, backoff
from app.engine.reconciling import ReconcileContext, SideEffect, StepResult
from app.services.scope import Scope
from app.store import connections, events
from app.store import jobs as store

NOTE_LIMIT = 1000  # characters of a provider's sentence that are kept as a note


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep:
    """A job in its turn, with the connection and the backend that it belongs to."""

    context: ReconcileContext
    job: FineTuningJob
    connection: Connection
    backend: Backend

    @property
    def is_wanted(self) -> bool:
        """Whether people still want what it makes: all of it, or what has been learned by now."""
        return self.job.goal is not JobGoal.CANCELLED

    def requeue(
        self, due_in: timedelta, *side_effects: SideEffect, job: FineTuningJob | None = None, note: str = ""
    ) -> StepResult:
        """Return: nothing moves; look again later, with a note for people."""
        return self.result(replace(job or self.job, note=note), due_in, *side_effects)

    def result(self, job: FineTuningJob, due_in: timedelta | None, *side_effects: SideEffect) -> StepResult:
        """Return: the job as given, a journal entry if its status is another, and a place for others if it is over."""
        writes = list(side_effects)
        if job.status is not self.job.status:
            # What the backend told came before the end, and after every other change.
            position = len(writes) if job.status.is_final else 0
            writes.insert(position, entry(job.id, job.status.value, kind="status", level=_level(job)))
        if job.status.is_final:
            due_in = None
            writes.append(admission.wake_waiting(job.spec.connection))
        return StepResult(values=store.values(job), due_in=due_in, side_effects=writes)

    def transition(
        self,
        to: JobStatus,
        due_in: timedelta | None = backoff.SOON,
        *side_effects: SideEffect,
        reason: JobReason | None = None,
        message: str = "",
    ) -> StepResult:
        """Return: the job in another status."""
        changed = self.job.advance(to, at=self.context.now(), reason=reason, message=message)
        return self.result(changed, due_in, *side_effects)

    def fail(self, reason: JobReason, message: str) -> StepResult:
        """Return: the job has failed."""
        return self.transition(JobStatus.FAILED, None, reason=reason, message=message)

    def on_error(self, error: BackendError, job: FineTuningJob | None = None) -> StepResult:
        """Return what a backend's error comes to: wait and try again, pause the connection, or fail."""
        seen = job or self.job
        said = sentence(error)
        if isinstance(error, NotAuthorised):
            pausing = admission.pause(self.connection.id, said)
            return self.requeue(backoff.PAUSED, pausing, job=seen, note=f"The connection is paused: {said}")
        if not isinstance(error, Transient):
            failed = seen.advance(JobStatus.FAILED, at=self.context.now(), reason=error.reason, message=said)
            return self.result(failed, None)
        later = replace(seen, attempts=seen.attempts + 1)
        first = [entry(seen.id, said, level=EventLevel.WARNING)] if later.attempts == 1 else []
        return self.requeue(backoff.retry_delay(later.attempts, asked=error.retry_after), *first, job=later, note=said)


def sentence(error: BackendError) -> str:
    """Return a backend's error as a note: what, and how to mend it."""
    return f"{error.detail} {error.fix}".strip()[:NOTE_LIMIT]


def entry(subject: str, message: str, *, level: EventLevel = EventLevel.INFO, kind: str = "note") -> SideEffect:
    """Return the writing of one journal entry."""

    def write(scope: Scope) -> None:
        events.add(scope.write, subject, message, at=scope.now(), level=level, kind=kind)

    return write


def _level(job: FineTuningJob) -> EventLevel:
    return EventLevel.ERROR if job.status is JobStatus.FAILED else EventLevel.INFO


def open_step(context: ReconcileContext) -> JobStep | None:
    """Return the claimed job with what belongs to it; None if it is gone or needs nothing any more."""
    with context.open() as scope:
        job = store.get(scope.read, context.id)
        connection = None if job is None else connections.get(scope.read, job.spec.connection)
        if job is None or connection is None or job.status.is_final:
            return None
        return JobStep(context=context, job=job, connection=connection, backend=scope.backends.of(connection))


Act = Callable[[JobStep], StepResult | Callable[[Scope], StepResult]]
