"""Slots at a connection: who may begin, counted from the rows under the write lock, never from a counter."""

from collections.abc import Sequence

from app.domain.connections import Connection
from app.domain.evaluations import Evaluation, EvaluationGoal, EvaluationStatus
from app.domain.events import EventLevel
from app.domain.jobs import FineTuningJob
from app.engine import backoff
from app.engine.reconciling import SideEffect
from app.services.scope import Scope
from app.store import connections, evaluations, events, jobs, waiting

# An evaluation that failed to begin this often in a row no longer keeps trainings waiting behind it.
PATIENCE = 3
LIFTED = "It answers again; the pause is lifted."


def job_waits_for(scope: Scope, job: str, connection: Connection) -> str:
    """Return what a waiting job waits for, in a sentence; empty when it may begin. Evaluations go first.

    Call it inside a write transaction: the count and the admission must be one step.
    """
    tx = scope.write
    active = jobs.active(tx, connection.id)
    evaluated = [each for each in evaluations.open_at(tx, connection.id) if _counts(each)]
    if len(active) + len(evaluated) >= connection.slots:
        if active:
            own = jobs.get(tx, job)
            return _waits_for(active, own.spec.project if own else None, own.created_by if own else "")
        return "Waits for an evaluation on this connection."
    first = jobs.first_waiting(tx, connection.id)
    return "" if first in {job, None} else "Waits its turn: another job on this connection was there first."


def evaluation_waits_for(scope: Scope, evaluation: str, connection: Connection) -> str:
    """Return what a waiting evaluation waits for; empty when it may begin. Call it inside a write transaction."""
    tx = scope.write
    active = jobs.active(tx, connection.id)
    others = evaluations.open_at(tx, connection.id)
    running = [each for each in others if each.status is EvaluationStatus.RUNNING]
    ahead = 0
    for each in others:
        if each.id == evaluation:
            break
        ahead += each.status is EvaluationStatus.PENDING and _counts(each)
    if len(active) + len(running) + ahead < connection.slots:
        return ""
    if active:
        own = next((each for each in others if each.id == evaluation), None)
        return _waits_for(active, own.project if own else None, evaluations.maker(tx, evaluation))
    return "Waits for another evaluation on this connection."


def _waits_for(active: Sequence[FineTuningJob], project: str | None, maker: str) -> str:
    """Name the job that is waited for, if it is of the same project or person: others may be hidden from the reader."""
    known = next((each for each in active if each.spec.project == project or each.created_by == maker), None)
    named = "a job" if known is None else f"job {known.spec.name!r}"
    return f"Waits for {named} on this connection."


def _counts(evaluation: Evaluation) -> bool:
    if evaluation.status is EvaluationStatus.RUNNING:
        return True
    return evaluation.goal is EvaluationGoal.FINISHED and evaluation.attempts < PATIENCE


def wake_waiting(connection: str) -> SideEffect:
    """Let those look again who wait for a place at a connection: every evaluation, and the first job in line."""
    return lambda scope: waiting.wake(scope.write, connection, due_at=scope.due_now())


def pause(connection: str, reason: str) -> SideEffect:
    """Stop admitting to a connection whose credentials are refused: one connection, not a thousand jobs.

    It is looked at by itself then, whether or not anything runs there, the later the oftener it was in vain.
    """

    def write(scope: Scope) -> None:
        known = connections.get(scope.write, connection)
        if known is None:
            return
        look_at = (scope.now() + backoff.paused_look(known.attempts)).timestamp()
        if known.paused_reason is not None and known.next_look_at is not None:
            look_at = min(look_at, known.next_look_at.timestamp())
        connections.pause(scope.write, connection, reason, at=known.failing_since or scope.now(), look_at=look_at)
        if known.paused_reason is None:
            events.add(
                scope.write, connection, f"Paused: {reason}", at=scope.now(), level=EventLevel.ERROR, kind="note"
            )

    return write


def lift_pause(connection: str) -> SideEffect:
    """Go on with a connection at which work has succeeded."""

    def write(scope: Scope) -> None:
        known = connections.get(scope.write, connection)
        if known is None or (known.paused_reason is None and not known.attempts):
            return
        connections.lift(scope.write, connection)
        if known.paused_reason is not None:
            events.add(scope.write, connection, LIFTED, at=scope.now(), level=EventLevel.INFO, kind="note")

    return write
