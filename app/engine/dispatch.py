"""Which act belongs to which row, and what a row is told when an act breaks off for a reason of our own."""

import errno
from collections.abc import Callable, Mapping

from app.domain.errors import DomainError
from app.domain.events import EventLevel
from app.domain.jobs import JobStatus
from app.engine import connections, datasets, deployments, evaluations, lifeboats, models, retention, webhooks
from app.engine.apart import try_again
from app.engine.jobs import JobStep, reconcile_pending, reconcile_unknown
from app.engine.observing import observe
from app.engine.preparing import reconcile_preparing
from app.engine.reconciling import DeferredResult, ReconcileContext, StepResult
from app.services.scope import Scope

JOB_RECONCILERS: Mapping[JobStatus, Callable[[JobStep], DeferredResult]] = {
    JobStatus.PENDING: reconcile_pending,
    JobStatus.PREPARING: reconcile_preparing,
    JobStatus.QUEUED: observe,
    JobStatus.RUNNING: observe,
    JobStatus.PAUSED: observe,
    JobStatus.CANCELLING: observe,
    JobStatus.UNKNOWN: reconcile_unknown,
}
NOTHING = StepResult(values={}, due_in=None)


def reconcile_job(context: ReconcileContext) -> DeferredResult | None:
    """Take the next step of the claimed job; None if there is nothing to do."""
    step = JobStep.open(context)
    return retention.reconcile(context) if step is None else JOB_RECONCILERS[step.subject.status](step)


RECONCILERS: Mapping[str, Callable[[ReconcileContext], DeferredResult | None]] = {
    "deployments": deployments.reconcile,
    "evaluations": evaluations.reconcile,
    "jobs": reconcile_job,
    "datasets": datasets.reconcile,
    "models": models.reconcile,
    "connections": connections.reconcile,
    "lifeboats": lifeboats.reconcile,
    "webhook_messages": webhooks.reconcile,
}


def failed_step(context: ReconcileContext, error: Exception) -> Callable[[Scope], StepResult]:
    """Return what an unexpected error comes to: a note, a journal entry the first time, and another try later."""
    return try_again(context, _sentence(error), EventLevel.ERROR)


def _sentence(error: Exception) -> str:
    if isinstance(error, DomainError):
        return f"{error.message} {error.fix}".strip()
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The disk is full. Free some space; then it goes on by itself."
    kind = type(error).__name__
    return f"TuneDesk met an error of its own ({kind}); it tries again. The server's log has the details."
