"""The level of evaluations: wait for a place, start, look, record rows and figures in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import msgspec

from app.domain.backend import (
    Backend,
    BackendError,
    Evaluates,
    EvaluationObservation,
    EvaluationRequest,
    NotAuthorised,
    NotFound,
    Transient,
)
from app.domain.connections import Connection
from app.domain.evaluations import TRANSITIONS, Evaluation, EvaluationGoal, EvaluationStatus
from app.domain.serving import JudgesByAsking
from app.engine import pace, places
from app.engine.jobs import entry, sentence
from app.engine.turn import Also, Decision, Outcome, Turn
from app.kit.crash_points import CrashPoint, reached
from app.services import datasets
from app.services.scope import Scope
from app.store import connections, deployments, events, models
from app.store import evaluations as store

_LOOK, _UNDEPLOYED = timedelta(seconds=10), timedelta(seconds=30)
DEPLOY_FIRST = "Deploy it first: this connection answers test rows through a deployment only."
STARTS = 3  # how often an evaluation that vanishes is started
START = "start"  # the kind of the journal entries that count that


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """An evaluation in its turn, with what belongs to it. `model` is the backend's name of a tuned target."""

    turn: Turn
    evaluation: Evaluation
    connection: Connection
    backend: Backend
    model: str | None
    deployment: str | None = None  # one that serves the target now

    def becomes(self, evaluation: Evaluation, due_in: timedelta | None, *also: Also) -> Outcome:
        """Return: the evaluation as given; one that is over leaves its place to others."""
        writes = list(also)
        if evaluation.status is not self.evaluation.status:
            writes.insert(0, entry(evaluation.id, evaluation.status.value, kind="status"))
        if evaluation.status.is_final:
            due_in = None
            writes.append(places.wake_waiting(self.connection.id))
        return Outcome(values=store.values(evaluation), due_in=due_in, also=writes)

    def advances(
        self, to: EvaluationStatus, due_in: timedelta | None, *, reason: str | None = None, message: str = ""
    ) -> Outcome:
        """Return: the evaluation in another status."""
        moved = self.evaluation.advance(to, at=self.turn.now(), reason=reason, message=message)
        return self.becomes(moved, due_in)

    def stays(self, due_in: timedelta, note: str, *also: Also, attempts: int | None = None) -> Outcome:
        """Return: nothing moves, with a note for people."""
        tried = self.evaluation.attempts if attempts is None else attempts
        return self.becomes(replace(self.evaluation, note=note, attempts=tried), due_in, *also)

    def meets(self, error: BackendError) -> Outcome:
        """Return what a backend's error comes to: wait, pause the connection, or fail."""
        said = sentence(error)
        if isinstance(error, NotAuthorised):
            return self.stays(pace.PAUSED, f"The connection is paused: {said}", places.pause(self.connection.id, said))
        if isinstance(error, Transient):
            attempts = self.evaluation.attempts + 1
            return self.stays(pace.backoff(attempts, asked=error.retry_after), said, attempts=attempts)
        return self.advances(EvaluationStatus.FAILED, None, reason=error.reason.value, message=said)


def act(turn: Turn) -> Decision | None:
    """Take the next step of the claimed evaluation; None if there is nothing to do."""
    work = _open(turn)
    if work is None:
        return None
    if work.evaluation.goal is EvaluationGoal.CANCELLED:
        return _cancel(work)
    if not isinstance(work.backend, Evaluates):
        return work.advances(EvaluationStatus.FAILED, None, reason="invalid_request", message="It cannot evaluate.")
    if work.evaluation.target.model is not None and work.model is None:
        return work.advances(EvaluationStatus.FAILED, None, reason="lost", message="The model has been removed.")
    if work.evaluation.status is EvaluationStatus.PENDING:
        return _wait(work)
    return _follow(work, work.backend)


def _open(turn: Turn) -> Judging | None:
    with turn.open() as scope:
        tx = scope.read
        evaluation = store.get(tx, turn.id)
        connection = None if evaluation is None else connections.get(tx, evaluation.target.connection)
        if evaluation is None or connection is None or evaluation.status.is_final:
            return None
        target = evaluation.target.model
        model = None if target is None else models.get(tx, target)
        name = model.remote_id if model is not None and model.deleted_at is None else None
        backend = scope.backends.of(connection)
        served = deployments.ready_for(tx, evaluation.target)
        return Judging(
            turn=turn, evaluation=evaluation, connection=connection, backend=backend, model=name,
            deployment=None if served is None else served.id,
        )  # fmt: skip


def _cancel(work: Judging) -> Outcome:
    if work.evaluation.status is EvaluationStatus.RUNNING and isinstance(work.backend, Evaluates):
        try:
            work.backend.cancel_evaluation(work.evaluation.id)
        except BackendError as error:
            attempts = work.evaluation.attempts + 1
            return work.stays(pace.backoff(attempts), sentence(error), attempts=attempts)
    return work.advances(EvaluationStatus.CANCELLED, None, reason="requested")


def _wait(work: Judging) -> Decision:
    if isinstance(work.backend, JudgesByAsking) and work.deployment is None:
        # It keeps no training waiting: whoever wants it judged has to deploy it first.
        return work.stays(_UNDEPLOYED, DEPLOY_FIRST, attempts=places.PATIENCE)
    if work.connection.paused_reason is not None:
        return work.stays(pace.PAUSED, f"The connection is paused: {work.connection.paused_reason}")
    try:
        work.backend.check()
    except Transient as error:
        return work.stays(pace.asked_or(error.retry_after, pace.UNAVAILABLE), sentence(error))
    except BackendError as error:
        return work.meets(error)
    return _admit(work)


def _admit(work: Judging) -> Callable[[Scope], Outcome]:
    def decide(scope: Scope) -> Outcome:
        waits_for = places.evaluation_waits_for(scope, work.evaluation.id, work.connection)
        if waits_for:
            return work.stays(pace.WAITING, waits_for)
        return work.advances(EvaluationStatus.RUNNING, pace.SOON)

    return decide


def _follow(work: Judging, backend: Evaluates) -> Outcome:
    try:
        try:
            seen = backend.observe_evaluation(work.evaluation.id)
        except NotFound as error:
            # Not started yet, or what ran has vanished: a start is idempotent by its tag.
            if _starts(work) >= STARTS:
                return work.meets(error)
            backend.start_evaluation(_request(work))
            reached(CrashPoint.EVALUATION_STARTED)
            begun = entry(work.evaluation.id, "The backend began to answer the rows.", kind=START)
            return work.stays(timedelta(seconds=1), "", begun, attempts=0)
    except BackendError as error:
        return work.meets(error)
    if work.deployment is not None:
        return _seen(work, seen, _in_use(work.deployment))
    return _seen(work, seen)


def _starts(work: Judging) -> int:
    with work.turn.open() as scope:
        return len(events.of_kind(scope.read, work.evaluation.id, START))


def _in_use(deployment: str) -> Also:
    """Keep a deployment from being stopped as idle while it is asked."""

    def write(scope: Scope) -> None:
        deployments.touch(scope.write, deployment, at=scope.now())

    return write


def _seen(work: Judging, seen: EvaluationObservation, *also: Also) -> Outcome:
    looked = replace(
        work.evaluation, done_rows=seen.done_rows, total_rows=seen.total_rows, note="", attempts=0, metrics=seen.metrics
    )
    wait = pace.asked_or(seen.next_look, _LOOK)
    if seen.status is EvaluationStatus.PENDING or seen.status is looked.status:
        return work.becomes(replace(looked, metrics=None), wait, *also)
    if seen.status not in TRANSITIONS[looked.status]:
        return work.becomes(looked, wait)
    reason = None if seen.reason is None else seen.reason.value
    moved = looked.advance(seen.status, at=work.turn.now(), reason=reason, message=seen.message)

    def answered(scope: Scope) -> None:
        store.save_rows(scope.write, moved.id, seen.rows)

    return work.becomes(moved, None, answered, *also)


def _request(work: Judging) -> EvaluationRequest:
    asked = work.evaluation
    with work.turn.open() as scope:
        rows = datasets.path(scope, asked.dataset)
        report = datasets.report(scope, asked.dataset)
        shown = None if asked.few_shot_dataset is None else datasets.path(scope, asked.few_shot_dataset)
    labels = report.labels.names if report is not None and report.labels is not None else ()
    return EvaluationRequest(
        tag=asked.id,
        base_model=asked.target.base_model,
        model=work.model,
        rows=rows,
        system_prompt=asked.system_prompt,
        few_shot=() if shown is None else examples(shown, asked.few_shot),
        labels=labels,
        deployment=work.deployment,
    )


def examples(path: Path, number: int) -> Sequence[Mapping[str, object]]:
    """Return `number` rows of a file, evenly spread over it: the same rows every time, from every part of the file."""
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    chosen = [lines[position * len(lines) // number] for position in range(min(number, len(lines)))]
    return [msgspec.json.decode(line, type=dict[str, object]) for line in chosen]
