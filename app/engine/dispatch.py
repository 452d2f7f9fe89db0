"""Which act belongs to which row, and what a row is told when an act breaks off for a reason of our own."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from app.domain.errors import DomainError
from app.domain.events import EventLevel
from app.domain.jobs import JobStatus
from app.engine import backoff, datasets, deployments, evaluations
from app.engine.jobs import JobStep, entry, open_step
from app.engine.observing import observe
from app.engine.pending import reconcile_pending, reconcile_unknown
from app.engine.preparing import reconcile_preparing
from app.engine.reconciling import DeferredResult, ReconcileContext, StepResult
from app.services.scope import Scope
from app.store import deployments as stored_deployments
from app.store import evaluations as stored_evaluations
from app.store import jobs as stored_jobs

JOB_RECONCILERS: Mapping[JobStatus, Callable[[JobStep], DeferredResult]] = {
    JobStatus.PENDING: reconcile_pending,
    JobStatus.PREPARING: reconcile_preparing,
    JobStatus.QUEUED: observe,
    JobStatus.RUNNING: observe,
    JobStatus.CANCELLING: observe,
    JobStatus.UNKNOWN: reconcile_unknown,
}
NOTHING = StepResult(values={}, due_in=None)


def reconcile_job(context: ReconcileContext) -> DeferredResult | None:
    """Take the next step of the claimed job; None if there is nothing to do."""
    step = open_step(context)
    return None if step is None else JOB_RECONCILERS[step.job.status](step)


RECONCILERS: Mapping[str, Callable[[ReconcileContext], DeferredResult | None]] = {
    "deployments": deployments.reconcile,
    "evaluations": evaluations.reconcile,
    "jobs": reconcile_job,
    "datasets": datasets.reconcile,
}


def failed_step(context: ReconcileContext, error: Exception) -> Callable[[Scope], StepResult]:
    """Return what an unexpected error comes to: a note, a journal entry the first time, and another try later."""
    said = _sentence(error)

    def decide(scope: Scope) -> StepResult:
        values, attempts = _noted(scope, context, said)
        side_effects = [entry(context.id, said, level=EventLevel.ERROR)] if attempts == 1 else []
        return StepResult(values=values, due_in=backoff.retry_delay(attempts), side_effects=side_effects)

    return decide


def _sentence(error: Exception) -> str:
    if isinstance(error, DomainError):
        return f"{error.message} {error.fix}".strip()
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The disk is full. Free some space; then it goes on by itself."
    kind = type(error).__name__
    return f"TuneDesk met an error of its own ({kind}); it tries again. The server's log has the details."


def _noted(scope: Scope, context: ReconcileContext, said: str) -> tuple[dict[str, Any], int]:
    tx = scope.write
    match context.claim.table:
        case "jobs":
            job = stored_jobs.get(tx, context.id)
            if job is not None:
                job = replace(job, note=said, attempts=job.attempts + 1)
                return stored_jobs.values(job), job.attempts
        case "deployments":
            deployment = stored_deployments.get(tx, context.id)
            if deployment is not None:
                deployment = replace(deployment, note=said, attempts=deployment.attempts + 1)
                return stored_deployments.values(deployment), deployment.attempts
        case "evaluations":
            evaluation = stored_evaluations.get(tx, context.id)
            if evaluation is not None:
                evaluation = replace(evaluation, note=said, attempts=evaluation.attempts + 1)
                return stored_evaluations.values(evaluation), evaluation.attempts
    return {}, context.claim.gen
