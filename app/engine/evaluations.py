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
from app.domain.jobs import JobReason
from app.domain.serving import EvaluatesByChat
from app.engine import admission, backoff
from app.engine.jobs import entry, sentence
from app.engine.reconciling import DeferredResult, ReconcileContext, SideEffect, StepResult
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
class EvaluationStep:
    """An evaluation in its turn, with what belongs to it. `model` is the backend's name of a tuned target."""

    context: ReconcileContext
    evaluation: Evaluation
    connection: Connection
    backend: Backend
    model: str | None
    deployment: str | None = None  # one that serves the target now

    def result(self, evaluation: Evaluation, due_in: timedelta | None, *side_effects: SideEffect) -> StepResult:
        """Return: the evaluation as given; one that is over leaves its place to others."""
        writes = list(side_effects)
        if evaluation.status is not self.evaluation.status:
            writes.insert(0, entry(evaluation.id, evaluation.status.value, kind="status"))
        if evaluation.status.is_final:
            due_in = None
            writes.append(admission.wake_waiting(self.connection.id))
        return StepResult(values=store.values(evaluation), due_in=due_in, side_effects=writes)

    def transition(
        self, to: EvaluationStatus, due_in: timedelta | None, *, reason: JobReason | None = None, message: str = ""
    ) -> StepResult:
        """Return: the evaluation in another status."""
        moved = self.evaluation.advance(to, at=self.context.now(), reason=reason, message=message)
        return self.result(moved, due_in)

    def requeue(
        self, due_in: timedelta, note: str, *side_effects: SideEffect, attempts: int | None = None
    ) -> StepResult:
        """Return: nothing moves, with a note for people."""
        tried = self.evaluation.attempts if attempts is None else attempts
        return self.result(replace(self.evaluation, note=note, attempts=tried), due_in, *side_effects)

    def on_error(self, error: BackendError) -> StepResult:
        """Return what a backend's error comes to: wait, pause the connection, or fail."""
        said = sentence(error)
        if isinstance(error, NotAuthorised):
            return self.requeue(
                backoff.PAUSED, f"The connection is paused: {said}", admission.pause(self.connection.id, said)
            )
        if isinstance(error, Transient):
            attempts = self.evaluation.attempts + 1
            return self.requeue(backoff.retry_delay(attempts, asked=error.retry_after), said, attempts=attempts)
        return self.transition(EvaluationStatus.FAILED, None, reason=error.reason, message=said)


def reconcile(context: ReconcileContext) -> DeferredResult | None:
    """Take the next step of the claimed evaluation; None if there is nothing to do."""
    step = _open(context)
    if step is None:
        return None
    if step.evaluation.goal is EvaluationGoal.CANCELLED:
        return _cancel(step)
    if not isinstance(step.backend, Evaluates):
        return step.transition(
            EvaluationStatus.FAILED, None, reason=JobReason.INVALID_REQUEST, message="It cannot evaluate."
        )
    if step.evaluation.target.model is not None and step.model is None:
        return step.transition(
            EvaluationStatus.FAILED, None, reason=JobReason.LOST, message="The model has been removed."
        )
    if step.evaluation.status is EvaluationStatus.PENDING:
        return _wait(step)
    return _follow(step, step.backend)


def _open(context: ReconcileContext) -> EvaluationStep | None:
    with context.open() as scope:
        tx = scope.read
        evaluation = store.get(tx, context.id)
        connection = None if evaluation is None else connections.get(tx, evaluation.target.connection)
        if evaluation is None or connection is None or evaluation.status.is_final:
            return None
        target = evaluation.target.model
        model = None if target is None else models.get(tx, target)
        name = model.remote_id if model is not None and model.deleted_at is None else None
        backend = scope.backends.of(connection)
        served = deployments.ready_for(tx, evaluation.target)
        return EvaluationStep(
            context=context, evaluation=evaluation, connection=connection, backend=backend, model=name,
            deployment=None if served is None else served.id,
        )  # fmt: skip


def _cancel(step: EvaluationStep) -> StepResult:
    if step.evaluation.status is EvaluationStatus.RUNNING and isinstance(step.backend, Evaluates):
        try:
            step.backend.cancel_evaluation(step.evaluation.id)
        except BackendError as error:
            attempts = step.evaluation.attempts + 1
            return step.requeue(backoff.retry_delay(attempts), sentence(error), attempts=attempts)
    return step.transition(EvaluationStatus.CANCELLED, None, reason=JobReason.REQUESTED)


def _wait(step: EvaluationStep) -> DeferredResult:
    if isinstance(step.backend, EvaluatesByChat) and step.deployment is None:
        # It keeps no training waiting: whoever wants it judged has to deploy it first.
        return step.requeue(_UNDEPLOYED, DEPLOY_FIRST, attempts=admission.PATIENCE)
    if step.connection.paused_reason is not None:
        return step.requeue(backoff.PAUSED, f"The connection is paused: {step.connection.paused_reason}")
    try:
        step.backend.check()
    except Transient as error:
        return step.requeue(backoff.asked_or(error.retry_after, backoff.UNAVAILABLE), sentence(error))
    except BackendError as error:
        return step.on_error(error)
    return _admit(step)


def _admit(step: EvaluationStep) -> Callable[[Scope], StepResult]:
    def decide(scope: Scope) -> StepResult:
        waits_for = admission.evaluation_waits_for(scope, step.evaluation.id, step.connection)
        if waits_for:
            return step.requeue(backoff.WAITING, waits_for)
        return step.transition(EvaluationStatus.RUNNING, backoff.SOON)

    return decide


def _follow(step: EvaluationStep, backend: Evaluates) -> StepResult:
    try:
        try:
            seen = backend.observe_evaluation(step.evaluation.id)
        except NotFound as error:
            # Not started yet, or what ran has vanished: a start is idempotent by its tag.
            if _starts(step) >= STARTS:
                return step.on_error(error)
            backend.start_evaluation(_request(step))
            reached(CrashPoint.EVALUATION_STARTED)
            begun = entry(step.evaluation.id, "The backend began to answer the rows.", kind=START)
            return step.requeue(timedelta(seconds=1), "", begun, attempts=0)
    except BackendError as error:
        return step.on_error(error)
    if step.deployment is not None:
        return _seen(step, seen, _in_use(step.deployment))
    return _seen(step, seen)


def _starts(step: EvaluationStep) -> int:
    with step.context.open() as scope:
        return len(events.of_kind(scope.read, step.evaluation.id, START))


def _in_use(deployment: str) -> SideEffect:
    """Keep a deployment from being stopped as idle while it is asked."""

    def write(scope: Scope) -> None:
        deployments.touch(scope.write, deployment, at=scope.now())

    return write


def _seen(step: EvaluationStep, seen: EvaluationObservation, *side_effects: SideEffect) -> StepResult:
    looked = replace(
        step.evaluation, done_rows=seen.done_rows, total_rows=seen.total_rows, note="", attempts=0, metrics=seen.metrics
    )
    wait = backoff.asked_or(seen.next_look, _LOOK)
    if seen.status is EvaluationStatus.PENDING or seen.status is looked.status:
        return step.result(replace(looked, metrics=None), wait, *side_effects)
    if seen.status not in TRANSITIONS[looked.status]:
        return step.result(looked, wait)
    moved = looked.advance(seen.status, at=step.context.now(), reason=seen.reason, message=seen.message)

    def answered(scope: Scope) -> None:
        store.save_rows(scope.write, moved.id, seen.rows)

    return step.result(moved, None, answered, *side_effects)


def _request(step: EvaluationStep) -> EvaluationRequest:
    asked = step.evaluation
    with step.context.open() as scope:
        rows = datasets.path(scope, asked.dataset)
        report = datasets.report(scope, asked.dataset)
        shown = None if asked.few_shot_dataset is None else datasets.path(scope, asked.few_shot_dataset)
    labels = report.labels.names if report is not None and report.labels is not None else ()
    return EvaluationRequest(
        tag=asked.id,
        base_model=asked.target.base_model,
        model=step.model,
        rows=rows,
        system_prompt=asked.system_prompt,
        few_shot=() if shown is None else examples(shown, asked.few_shot),
        labels=labels,
        deployment=step.deployment,
    )


def examples(path: Path, number: int) -> Sequence[Mapping[str, object]]:
    """Return `number` rows of a file, evenly spread over it: the same rows every time, from every part of the file."""
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    chosen = [lines[position * len(lines) // number] for position in range(min(number, len(lines)))]
    return [msgspec.json.decode(line, type=dict[str, object]) for line in chosen]
