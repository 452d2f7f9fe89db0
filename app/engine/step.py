"""One step of one row, whatever kind it is: what is given to it, and what its end may come to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Generic, Self, TypeVar

from app.domain.backend import Backend, BackendError, NotAuthorised, Transient
from app.domain.connections import Connection
from app.domain.deployments import Target
from app.domain.events import EventLevel
from app.domain.state_machine import FAILED, Stateful, Status
from app.engine import admission, backoff
from app.engine.reconciling import DeferredResult, ReconcileContext, SideEffect, StepResult
from app.kit.log_context import note
from app.services.scope import Scope
from app.store import connections, events, models
from app.store.mapping import Mapper

T = TypeVar("T", bound=Stateful[Any])
NOTE_LIMIT = 1000  # characters of a provider's sentence that are kept as a note
FAILED_LOOK = timedelta(minutes=5)  # at what has failed and may still come back; what is over is not looked at again


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[T]):
    """A row in its turn, with the connection and the backend that it belongs to."""

    stored: ClassVar[Mapper[Any]]

    context: ReconcileContext
    subject: T
    connection: Connection
    backend: Backend

    @classmethod
    def open(cls, context: ReconcileContext) -> Self | None:
        """Return the claimed row with what belongs to it; None if it is gone or needs nothing any more."""
        with context.open() as scope:
            subject = cls.stored.get(scope.read, context.id)
            connection = None if subject is None else connections.get(scope.read, subject.connection)
            if connection is None or subject is None or subject.status.is_final:
                return None
            note(connection.id)
            backend = scope.backends.of(connection)
            return cls(context=context, subject=subject, connection=connection, backend=backend)

    @property
    def goes_on_failing(self) -> bool:
        """Whether an error that no repetition mends is met with another try all the same."""
        return False

    def notices(self, subject: T) -> list[SideEffect]:  # noqa: ARG002 -- for those that have any
        """Return the writing of what webhooks are to be sent of a new status."""
        return []

    def result(self, subject: T, due_in: timedelta | None, *side_effects: SideEffect) -> StepResult:
        """Return what to record of a changed row; a change of status stands in the journal.

        What is over is not looked at again, and those who wait for its connection look whether they may begin.
        """
        writes = list(side_effects)
        if subject.status is not self.subject.status:
            level = EventLevel.ERROR if subject.status.value == FAILED else EventLevel.INFO
            # What the backend reported came before the end, and after every other change.
            position = len(writes) if subject.status.is_final else 0
            writes.insert(position, entry(subject.id, subject.status.value, kind="status", level=level))
            writes += self.notices(subject)
        if subject.status.is_final:
            due_in = None
            writes.append(admission.wake_waiting(self.connection.id))
        values = self.stored.values(subject)
        if subject.reason == self.subject.reason:
            del values["reason"]  # a service that changed the goal meanwhile has written its own
        return StepResult(values=values, due_in=due_in, side_effects=writes)

    def transition(
        self,
        to: Status,
        due_in: timedelta | None = backoff.SOON,
        *side_effects: SideEffect,
        subject: T | None = None,
        reason: StrEnum | None = None,
        message: str = "",
    ) -> StepResult:
        """Return the row, or what `subject` made of it, in another status."""
        moved = (subject or self.subject).advance(to, at=self.context.now(), reason=reason, message=message)
        return self.result(moved, due_in, *side_effects)

    def fail(self, reason: StrEnum, message: str, *side_effects: SideEffect, subject: T | None = None) -> StepResult:
        """Return the row, failed."""
        failed = type(self.subject.status)(FAILED)
        return self.transition(failed, FAILED_LOOK, *side_effects, subject=subject, reason=reason, message=message)

    def requeue(
        self,
        due_in: timedelta,
        *side_effects: SideEffect,
        subject: T | None = None,
        note: str = "",
        **changes: Any,  # noqa: ANN401 -- fields of the row
    ) -> StepResult:
        """Return the row in the status that it has, to be looked at again, with a note for people."""
        return self.result(replace(subject or self.subject, note=note, **changes), due_in, *side_effects)

    def back_off(self, said: str, *, asked: timedelta | None = None, subject: T | None = None) -> StepResult:
        """Return the row for another try, later each time; the first one that failed stands in the journal."""
        attempts = (subject or self.subject).attempts + 1
        first = [entry(self.subject.id, said, level=EventLevel.WARNING)] if said and attempts == 1 else []
        wait = backoff.retry_delay(attempts, asked=asked)
        return self.requeue(wait, *first, subject=subject, note=said, attempts=attempts)

    def on_error(self, error: BackendError, subject: T | None = None) -> StepResult:
        """Return what a backend's error comes to: wait and try again, pause the connection, or fail."""
        said = sentence(error)
        if isinstance(error, NotAuthorised):
            pausing = admission.pause(self.connection.id, said)
            return self.requeue(backoff.PAUSED, pausing, subject=subject, note=f"The connection is paused: {said}")
        if isinstance(error, Transient) or self.goes_on_failing:
            return self.back_off(said, asked=error.retry_after, subject=subject)
        return self.fail(error.reason, said, subject=subject)

    def begin(
        self, waits_for: Callable[[Scope, str, Connection], str], to: Status, *side_effects: SideEffect
    ) -> DeferredResult:
        """Return the row in status `to` if it has a slot and its backend could work now; else what it waits for."""
        if self.connection.paused_reason is not None:
            return self.requeue(backoff.PAUSED, note=f"The connection is paused: {self.connection.paused_reason}")
        try:
            self.backend.check()
        except Transient as error:
            # Not a failure of the row's own: it keeps its place in the line, and looks again soon.
            return self.requeue(backoff.asked_or(error.retry_after, backoff.UNAVAILABLE), note=sentence(error))
        except BackendError as error:
            return self.on_error(error)

        def decide(scope: Scope) -> StepResult:
            note = waits_for(scope, self.subject.id, self.connection)
            if note:
                return self.requeue(backoff.WAITING, note=note)
            return self.transition(to, backoff.SOON, *side_effects)

        return decide


def remote_name(step: Step[Any], target: Target) -> str | None:
    """Return the backend's name of a tuned target; None where it is a base model, or the tuned one is gone."""
    with step.context.open() as scope:
        model = None if target.model is None else models.get(scope.read, target.model)
    return None if model is None or model.deleted_at is not None else model.remote_id


def sentence(error: BackendError) -> str:
    """Return a backend's error as a note: what, and how to fix it."""
    return f"{error.detail} {error.fix}".strip()[:NOTE_LIMIT]


def entry(subject: str, message: str, *, level: EventLevel = EventLevel.INFO, kind: str = "note") -> SideEffect:
    """Return the writing of one journal entry."""

    def write(scope: Scope) -> None:
        events.add(scope.write, subject, message, at=scope.now(), level=level, kind=kind)

    return write
