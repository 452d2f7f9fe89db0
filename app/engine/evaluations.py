"""The level of evaluations: wait for a place, start, look, record rows and figures in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec

from app.domain.backend import BackendError, Evaluates, EvaluationObservation, EvaluationRequest, NotFound
from app.domain.errors import Conflict, Invalid
from app.domain.evaluations import TRANSITIONS, Evaluation, EvaluationGoal, EvaluationStatus
from app.domain.jobs import JobReason
from app.domain.serving import EvaluatesByChat
from app.engine import admission, backoff
from app.engine.background_tasks import NotReady
from app.engine.reconciling import DeferredResult, ReconcileContext, SideEffect, StepResult
from app.engine.step import Step, entry, remote_name, sentence
from app.kit.crash_points import CrashPoint, reached
from app.services import datasets
from app.services.scope import Scope
from app.store import deployments, events
from app.store import evaluations as store

_SOON, _LOOK, _UNDEPLOYED = timedelta(seconds=1), timedelta(seconds=10), timedelta(seconds=30)
DEPLOY_FIRST = "Deploy it first: this connection answers test rows through a deployment only."
STARTS = 3  # how often an evaluation that vanishes is started
START = "start"  # the kind of the journal entries that count that


class EvaluationStep(Step[Evaluation]):
    """An evaluation in its turn."""

    __slots__ = ()
    stored = store.MAPPER

    @property
    def deployment(self) -> str | None:
        """The deployment that serves its target now; None where there is none."""
        with self.context.open() as scope:
            served = deployments.ready_for(scope.read, self.subject.target)
        return None if served is None else served.id


def reconcile(context: ReconcileContext) -> DeferredResult | None:
    """Take the next step of the claimed evaluation; None if there is nothing to do."""
    step = EvaluationStep.open(context)
    if step is None:
        return None
    if step.subject.goal is EvaluationGoal.CANCELLED:
        return _cancel(step)
    if not isinstance(step.backend, Evaluates):
        return step.fail(JobReason.INVALID_REQUEST, "It cannot evaluate.")
    if step.subject.target.is_tuned and remote_name(step, step.subject.target) is None:
        return step.fail(JobReason.LOST, "The model has been removed.")
    return _wait(step) if step.subject.status is EvaluationStatus.PENDING else _follow(step, step.backend)


def _wait(step: EvaluationStep) -> DeferredResult:
    if isinstance(step.backend, EvaluatesByChat) and step.deployment is None:
        # It keeps no training waiting: whoever wants it evaluated has to deploy it first.
        return step.requeue(_UNDEPLOYED, note=DEPLOY_FIRST, attempts=admission.PATIENCE)
    return step.begin(admission.evaluation_waits_for, EvaluationStatus.RUNNING)


def _cancel(step: EvaluationStep) -> StepResult:
    step.context.tasks.forget(f"{step.subject.id}:convert")
    if step.subject.status is EvaluationStatus.RUNNING and isinstance(step.backend, Evaluates):
        try:
            step.backend.cancel_evaluation(step.subject.id)
        except BackendError as error:
            return step.back_off(sentence(error))
    return step.transition(EvaluationStatus.CANCELLED, reason=JobReason.REQUESTED)


def _follow(step: EvaluationStep, backend: Evaluates) -> StepResult:
    try:
        return _look(step, backend)
    except BackendError as error:
        return step.on_error(error)
    except NotReady:
        return step.requeue(_SOON, note="The rows are being made ready.")
    except (Invalid, Conflict) as error:
        return step.fail(JobReason.INVALID_DATA, f"{error.message} {error.fix}".strip())


def _look(step: EvaluationStep, backend: Evaluates) -> StepResult:
    try:
        seen = backend.observe_evaluation(step.subject.id)
    except NotFound:
        # Not started yet, or what ran has vanished: a start is idempotent by its tag.
        if _starts(step) >= STARTS:
            raise
        backend.start_evaluation(_request(step))
        reached(CrashPoint.EVALUATION_STARTED)
        begun = entry(step.subject.id, "The backend began to answer the rows.", kind=START)
        return step.requeue(_SOON, begun, attempts=0)
    serving = step.deployment
    return _seen(step, seen, *([] if serving is None else [_in_use(serving)]))


def _starts(step: EvaluationStep) -> int:
    with step.context.open() as scope:
        return len(events.of_kind(scope.read, step.subject.id, START))


def _in_use(deployment: str) -> SideEffect:
    """Keep a deployment from being stopped as idle while it is asked."""

    def write(scope: Scope) -> None:
        deployments.touch(scope.write, deployment, at=scope.now())

    return write


def _seen(step: EvaluationStep, seen: EvaluationObservation, *side_effects: SideEffect) -> StepResult:
    looked = replace(
        step.subject, done_rows=seen.done_rows, total_rows=seen.total_rows, note="", attempts=0, metrics=seen.metrics
    )
    if seen.identity is not None:
        looked = replace(looked, rendering=seen.identity.rendering, model_hash=seen.identity.model)
    wait = backoff.asked_or(seen.next_look, _LOOK)
    if seen.status is EvaluationStatus.PENDING or seen.status is looked.status:
        return step.result(replace(looked, metrics=None), wait, *side_effects)
    if seen.status not in TRANSITIONS[looked.status]:
        return step.result(looked, wait)

    def answered(scope: Scope) -> None:
        store.save_rows(scope.write, looked.id, seen.rows)

    writes = (answered, *side_effects)
    return step.transition(seen.status, None, *writes, subject=looked, reason=seen.reason, message=seen.message)


def _request(step: EvaluationStep) -> EvaluationRequest:
    asked = step.subject
    sources = [each for each in (asked.dataset, asked.few_shot_dataset) if each is not None]
    rows, *shown = step.context.canonical(sources)
    with step.context.open() as scope:
        report = datasets.report(scope, asked.dataset)
    labels = report.labels.names if report is not None and report.labels is not None else ()
    return EvaluationRequest(
        tag=asked.id,
        base_model=asked.target.base_model,
        model=remote_name(step, asked.target),
        rows=rows,
        system_prompt=asked.system_prompt,
        few_shot=[example for path in shown for example in examples(path, asked.few_shot)],
        labels=labels,
        deployment=step.deployment,
    )


def examples(path: Path, number: int) -> Sequence[Mapping[str, object]]:
    """Return `number` rows of a file, evenly spread over it: the same rows every time, from every part of the file."""
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    chosen = [lines[position * len(lines) // number] for position in range(min(number, len(lines)))]
    return [msgspec.json.decode(line, type=dict[str, object]) for line in chosen]
