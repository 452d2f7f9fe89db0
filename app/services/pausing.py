"""Verbs that let a training stand still and go on."""

from app.domain.backend_abilities import Pauses
from app.domain.errors import Conflict
from app.domain.jobs import FineTuningJob, JobGoal, JobStatus
from app.services import jobs, verbs
from app.services.scope import Scope
from app.store import events as event_store
from app.store import jobs as store
from app.store.database import Writer

_PAUSABLE = {JobStatus.QUEUED, JobStatus.RUNNING}


@verbs.reads("jobs")
def can_pause(scope: Scope, job: FineTuningJob) -> bool:
    """Tell whether the job is at a point, and its backend one, where it can be asked to pause."""
    if job.status not in _PAUSABLE or job.goal is not JobGoal.FINISHED or job.adopted:
        return False
    return scope.able(job.spec.connection, Pauses) is not None


@verbs.reads("jobs")
def can_resume(scope: Scope, job: FineTuningJob) -> bool:
    """Tell whether the job is paused or pausing, and can be asked to go on."""
    waits = job.status is JobStatus.PAUSED and job.goal in {JobGoal.FINISHED, JobGoal.PAUSED} and not job.is_resuming
    return not job.adopted and (waits or job.is_pausing) and scope.able(job.spec.connection, Pauses) is not None


@verbs.writes("jobs")
def pause(scope: Scope, identifier: str) -> FineTuningJob:
    """Ask a training to stand still, and to keep what it has learned so far; asking again is fine.

    Raises:
        Conflict: when it is not at its backend, is being ended, was made elsewhere, or the backend cannot.
    """
    tx = scope.write
    job = jobs.get(scope, identifier).steered()
    if job.goal is JobGoal.PAUSED and not job.status.is_final:
        return job
    if job.goal is not JobGoal.FINISHED or job.status.is_final:
        raise Conflict("The job has ended, or is being ended.", fix="There is nothing left to pause.")
    if job.status is JobStatus.PAUSED:
        return _want(scope, tx, job, JobGoal.PAUSED, "to keep it paused")
    if job.status not in _PAUSABLE:
        raise Conflict(f"The job is {job.status}: it does not train yet.", fix="Pause it once it trains, or cancel it.")
    _refuse_unable(scope, job)
    return _want(scope, tx, job, JobGoal.PAUSED, "to pause it")


@verbs.spends("jobs")
def resume(scope: Scope, identifier: str) -> FineTuningJob:
    """Ask a paused training to go on; asking again is fine.

    Raises:
        Conflict: when it is not paused, is being ended, or was made elsewhere.
    """
    tx = scope.write
    job = jobs.get(scope, identifier).steered()
    if job.is_resuming:
        return job
    if job.goal not in {JobGoal.FINISHED, JobGoal.PAUSED} or not (job.status is JobStatus.PAUSED or job.is_pausing):
        raise Conflict(f"The job is {job.status}, and not paused.", fix="Only a paused job can go on.")
    _refuse_unable(scope, job)
    return _want(scope, tx, job, JobGoal.FINISHED, "to go on")


def _refuse_unable(scope: Scope, job: FineTuningJob) -> None:
    if scope.able(job.spec.connection, Pauses) is None:
        why = scope.backend(job.spec.connection).profile.why_not(Pauses)
        raise Conflict(why, fix="Let it train, or cancel it.")


def _want(scope: Scope, tx: Writer, job: FineTuningJob, goal: JobGoal, asked: str) -> FineTuningJob:
    event_store.add(tx, job.id, f"{scope.actor} asked {asked}.", at=scope.now(), kind="request")
    store.set_goal(tx, job.id, goal, at=scope.now(), due_at=scope.due_now())
    scope.nudge()
    return jobs.get(scope, job.id)
