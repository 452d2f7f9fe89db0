"""A job at the backend: look, record everything that one look tells, move forward only, stop it when asked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from app.domain.backend import BackendError, JobObservation, NotFound, Rejected, RemoteJob, Resumes
from app.domain.backend_abilities import NamesCandidates, Pauses, StopsEarly
from app.domain.events import EventLevel
from app.domain.jobs import TRANSITIONS, FineTuningJob, JobGoal, JobProgress, JobReason, JobStatus
from app.engine import admission, backoff
from app.engine.jobs import JobStep
from app.engine.reconciling import DeferredResult, SideEffect, StepResult
from app.engine.step import NOTE_LIMIT, entry, sentence
from app.kit.crash_points import CrashPoint, reached
from app.services import job_models
from app.services.scope import Scope
from app.store import checkpoints, events, metrics, samples
from app.store import jobs as store

RESUMPTIONS = 3  # how often an interrupted job is resumed before it counts as failed
LOOKS_BEFORE_LOST = 3  # a listing may lag; a job that was seen before is not lost at the first 404
MISSING = "missing"  # the kind of the journal entries that count those looks
_BETWEEN_MISSES = timedelta(minutes=1)
_MESSAGE_LIMIT = 4000
_OTHERS = "It was interrupted. Whoever made it may let it go on; it is looked at until it has ended."
_CALM = {JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED}


def observe(step: JobStep) -> DeferredResult:
    """Look at the job and record what is new; ask it to stop if nobody wants it any more."""
    job = step.subject
    if job.remote_id is None:
        # Only a hand-edited row can be here; a person says what became of it.
        return step.fail(JobReason.INTERNAL, "It is not known under which name the backend has this job.")
    remote = RemoteJob(id=job.remote_id)
    try:
        if not step.is_wanted and job.status in _CALM:
            reached(CrashPoint.BEFORE_CANCEL)
            step.backend.cancel(remote)
            reached(CrashPoint.CANCELLED)
            return step.transition(JobStatus.CANCELLING, reason=JobReason.REQUESTED)
        if job.goal is JobGoal.STOPPED and job.status in _CALM and isinstance(step.backend, StopsEarly):
            step.backend.stop_early(remote)
        refused = _steer(step, remote)
        seen = step.backend.observe(remote, since=job.cursor)
        if job.status is JobStatus.CANCELLING and seen.status in _CALM and not seen.interrupted:
            step.backend.cancel(remote)
        elif seen.interrupted and not seen.status.is_final:
            return _interrupted(step, remote, seen)
    except NotFound as error:
        return _missing(step, error)
    except BackendError as error:
        return step.on_error(error)
    return _seen(step, replace(seen, note=refused) if refused else seen)


def _steer(step: JobStep, remote: RemoteJob) -> str:
    """Ask the backend to pause or to go on, where people want that; return what it says against it, if anything."""
    if not isinstance(step.backend, Pauses):
        return ""
    try:
        if step.subject.is_pausing:
            step.backend.pause(remote)
        elif step.subject.is_resuming:
            step.backend.unpause(remote)
    except Rejected as error:
        return sentence(error)
    return ""


def _seen(step: JobStep, seen: JobObservation) -> DeferredResult:
    job = _brought_up_to_date(step, seen)
    side_effects = [_log_observation(job.id, seen), *_lifted_pause(step)]
    wait = backoff.asked_or(seen.next_look, backoff.next_look(step.context.now() - (job.started_at or job.changed_at)))
    if seen.status is job.status or _is_no_news(job, seen):
        return step.result(job, wait, *side_effects)
    if seen.status not in TRANSITIONS[job.status]:
        if seen.raw_status != step.subject.raw_status:
            said = f"The backend says {seen.raw_status or seen.status.value!r} of a job that is {job.status.value}."
            side_effects.append(entry(job.id, f"{said} That is not taken over.", level=EventLevel.WARNING))
        return step.result(job, wait, *side_effects)
    moved = job.advance(seen.status, at=step.context.now(), reason=_reason(seen), message=_message(step, seen))
    if moved.status is JobStatus.PAUSED:  # it holds no place now
        side_effects.append(admission.wake_waiting(step.connection.id))
    asks_which = seen.fine_tuned_model is None and isinstance(step.backend, NamesCandidates)
    if seen.status is JobStatus.SUCCEEDED and not asks_which:
        return _registered(step, seen, moved, side_effects)
    return step.result(moved, wait, *side_effects)


def _registered(
    step: JobStep, seen: JobObservation, job: FineTuningJob, side_effects: Sequence[SideEffect]
) -> Callable[[Scope], StepResult]:
    name, size = seen.fine_tuned_model or job.remote_id or job.id, seen.model_size_bytes
    base = job_models.base_identity(step.backend, job)

    def decide(scope: Scope) -> StepResult:
        whole = job_models.register(scope, job, step.backend, name=name, size_bytes=size, base=base)
        return step.result(whole, None, *side_effects)

    return decide


def _is_no_news(job: FineTuningJob, seen: JobObservation) -> bool:
    """Tell whether a look need not be spoken of: a job that is being stopped may still be seen waiting or running."""
    return job.status is JobStatus.CANCELLING and seen.status in _CALM


def _reason(seen: JobObservation) -> JobReason | None:
    if seen.status is JobStatus.FAILED:
        return seen.reason or JobReason.BACKEND_ERROR
    return JobReason.REQUESTED if seen.status in {JobStatus.CANCELLED, JobStatus.CANCELLING} else None


def _message(step: JobStep, seen: JobObservation) -> str:
    if seen.status is JobStatus.CANCELLED and step.is_wanted and not seen.message:
        return "It was cancelled at the backend, not here."
    return seen.message[:_MESSAGE_LIMIT]


def _brought_up_to_date(step: JobStep, seen: JobObservation) -> FineTuningJob:
    return replace(
        step.subject,
        raw_status=seen.raw_status[:_MESSAGE_LIMIT],
        observed_at=step.context.now(),
        progress=_progress(seen, step.subject.progress),
        cursor=seen.cursor or step.subject.cursor,
        note=seen.note[:NOTE_LIMIT],
        attempts=0,
    )


def _progress(seen: JobObservation, former: JobProgress) -> JobProgress:
    """Return how far it is; how many steps there were stays known where the last look does not say it again."""
    if seen.progress is None:
        return former
    if seen.status is JobStatus.SUCCEEDED and seen.progress.steps is None and former.steps is not None:
        return replace(seen.progress, step=former.steps, steps=former.steps)
    return seen.progress


def _log_observation(job: str, seen: JobObservation) -> SideEffect:
    """Return the writing of what a look brought besides the status; told twice, it stands there once."""

    def write(scope: Scope) -> None:
        tx = scope.write
        if seen.events:
            events.add_remote(tx, job, seen.events)
        metrics.add(tx, job, seen.metrics)
        checkpoints.save(tx, job, seen.checkpoints)
        samples.add(tx, job, seen.samples)
        if seen.sent is not None:
            store.set_sent(tx, job, seen.sent)

    return write


def _lifted_pause(step: JobStep) -> list[SideEffect]:
    if step.connection.paused_reason is None and not step.connection.attempts:
        return []
    return [admission.lift_pause(step.connection.id), admission.wake_waiting(step.connection.id)]


def _interrupted(step: JobStep, remote: RemoteJob, seen: JobObservation) -> StepResult:
    """Go on from the last checkpoint, a few times; a job that nobody wants any more has stopped as asked."""
    job = _brought_up_to_date(step, seen)
    logged = _log_observation(job.id, seen)
    if not step.is_wanted:
        return _gone(step, job, "", logged)
    if job.adopted:
        return step.requeue(_BETWEEN_MISSES, logged, subject=job, note=_OTHERS)
    if job.resumptions >= RESUMPTIONS or not isinstance(step.backend, Resumes):
        tried = f" after {job.resumptions} resumptions" if job.resumptions else ""
        message = seen.message or f"The training stopped before its end{tried}. Retry starts it again."
        return step.fail(JobReason.BACKEND_ERROR, message, logged, subject=job)
    step.backend.resume(remote)
    reached(CrashPoint.RESUMED)
    resumed = replace(job, resumptions=job.resumptions + 1)
    said = f"It was interrupted, and goes on from its last checkpoint (resumption {resumed.resumptions})."
    return step.result(resumed, timedelta(seconds=1), logged, entry(job.id, said, level=EventLevel.WARNING))


def _missing(step: JobStep, error: NotFound) -> StepResult:
    """Count the looks since the last time it was seen; the third one in a row, apart, says that it is lost."""
    job = step.subject
    with step.context.open() as scope:
        misses = events.of_kind(scope.read, job.id, MISSING)
    last_seen = job.observed_at or job.changed_at
    count = sum(miss.at >= last_seen for miss in misses) + 1
    said = f"{sentence(error)} (look {count} of {LOOKS_BEFORE_LOST})"
    counted = entry(job.id, said, level=EventLevel.WARNING, kind=MISSING)
    if count < LOOKS_BEFORE_LOST:
        return step.requeue(_BETWEEN_MISSES, counted, note=said)
    if not step.is_wanted:
        return _gone(step, job, "The backend does not know the job any more.", counted)
    return step.fail(JobReason.LOST, said, counted)


def _gone(step: JobStep, job: FineTuningJob, message: str, logged: SideEffect) -> StepResult:
    stopping = job.advance(JobStatus.CANCELLING, at=step.context.now())
    return step.cancelled(message, logged, subject=stopping)
