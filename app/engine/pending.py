"""A pending job: nothing exists at the backend yet. It waits for a place, and for a backend that could train."""

from collections.abc import Callable
from datetime import timedelta

from app.domain.backend import NotAuthorised, Permanent, Transient
from app.domain.jobs import JobReason, JobStatus
from app.engine import admission, backoff
from app.engine.jobs import JobStep, sentence
from app.engine.reconciling import DeferredResult, StepResult
from app.services.scope import Scope


def reconcile_pending(step: JobStep) -> DeferredResult:
    """Begin if there is a place and the backend could train now; else say what the job waits for."""
    if not step.is_wanted:
        return step.transition(JobStatus.CANCELLED, None, reason=JobReason.REQUESTED)
    if step.connection.paused_reason is not None:
        return step.requeue(backoff.PAUSED, note=f"The connection is paused: {step.connection.paused_reason}")
    try:
        step.backend.check()
    except Transient as error:
        # Not a failure of this job: it keeps its place in the line, and looks again soon.
        return _queue(step, sentence(error), backoff.asked_or(error.retry_after, backoff.UNAVAILABLE))
    except NotAuthorised as error:
        return step.on_error(error)
    except Permanent as error:
        return step.fail(error.reason, sentence(error))
    return _queue(step, "", backoff.WAITING)


def _queue(step: JobStep, issue: str, wait: timedelta) -> Callable[[Scope], StepResult]:
    def decide(scope: Scope) -> StepResult:
        waits_for = admission.job_waits_for(scope, step.job.id, step.connection)
        if waits_for or issue:
            return step.requeue(wait, note=issue or waits_for)
        # The next in line may have a place, too; it looks as soon as this one is admitted.
        return step.transition(JobStatus.PREPARING, backoff.SOON, admission.wake_waiting(step.connection.id))

    return decide


def reconcile_unknown(step: JobStep) -> StepResult:
    """Wait for a person, who alone can find out what became of the submit."""
    if not step.is_wanted:
        message = "Cancelled here. Whether it runs at the provider could not be established: have a look there."
        return step.transition(JobStatus.CANCELLED, None, reason=JobReason.REQUESTED, message=message)
    return step.result(step.job, None)
