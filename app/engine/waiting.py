"""A pending job: nothing exists at the backend yet. It waits for a place, and for a backend that could train."""

from collections.abc import Callable
from datetime import timedelta

from app.domain.backend import NotAuthorised, Permanent, Transient
from app.domain.jobs import JobReason, JobStatus
from app.engine import pace, places
from app.engine.jobs import Work, sentence
from app.engine.turn import Decision, Outcome
from app.services.scope import Scope


def act_pending(work: Work) -> Decision:
    """Begin if there is a place and the backend could train now; else say what the job waits for."""
    if not work.is_wanted:
        return work.advances(JobStatus.CANCELLED, None, reason=JobReason.REQUESTED)
    if work.connection.paused_reason is not None:
        return work.stays(pace.PAUSED, note=f"The connection is paused: {work.connection.paused_reason}")
    try:
        work.backend.check()
    except Transient as error:
        # Not a failure of this job: it keeps its place in the line, and looks again soon.
        return _queue(work, sentence(error), pace.asked_or(error.retry_after, pace.UNAVAILABLE))
    except NotAuthorised as error:
        return work.meets(error)
    except Permanent as error:
        return work.fails(error.reason, sentence(error))
    return _queue(work, "", pace.WAITING)


def _queue(work: Work, trouble: str, wait: timedelta) -> Callable[[Scope], Outcome]:
    def decide(scope: Scope) -> Outcome:
        waits_for = places.job_waits_for(scope, work.job.id, work.connection)
        if waits_for or trouble:
            return work.stays(wait, note=trouble or waits_for)
        # The next in line may have a place, too; it looks as soon as this one is admitted.
        return work.advances(JobStatus.PREPARING, pace.SOON, places.wake_waiting(work.connection.id))

    return decide


def act_unknown(work: Work) -> Outcome:
    """Wait for a person, who alone can find out what became of the submit."""
    if not work.is_wanted:
        message = "Cancelled here. Whether it runs at the provider could not be established: have a look there."
        return work.advances(JobStatus.CANCELLED, None, reason=JobReason.REQUESTED, message=message)
    return work.becomes(work.job, None)
