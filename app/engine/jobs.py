"""A job in its turn, and the turns of one that is not at the backend: waiting to begin, or of unknown fate."""

from app.domain.jobs import FineTuningJob, JobGoal, JobReason, JobStatus
from app.engine import admission, backoff
from app.engine.reconciling import DeferredResult, SideEffect, StepResult
from app.engine.step import Step
from app.services import notices
from app.store import jobs


class JobStep(Step[FineTuningJob]):
    """A job in its turn."""

    __slots__ = ()
    stored = jobs.MAPPER

    @property
    def is_wanted(self) -> bool:
        """Whether people still want what it makes: all of it, or what has been learned by now."""
        return self.subject.goal is not JobGoal.CANCELLED

    def notices(self, subject: FineTuningJob) -> list[SideEffect]:
        """Return the message about the job's end, if it is one."""
        return [lambda scope: notices.job_ended(scope.write, subject, at=scope.now())]

    def cancelled(
        self, message: str = "", *side_effects: SideEffect, subject: FineTuningJob | None = None
    ) -> StepResult:
        """Return the job, or what `subject` made of it, as one that ended because nobody wanted it any more."""
        reason = JobReason.REQUESTED
        return self.transition(
            JobStatus.CANCELLED, backoff.SOON, *side_effects, subject=subject, reason=reason, message=message
        )


def reconcile_pending(step: JobStep) -> DeferredResult:
    """Begin if there is a slot and the backend could train now; else say what the job waits for."""
    if not step.is_wanted:
        return step.cancelled()
    # The next in line may have a slot, too; it looks as soon as this one is admitted.
    return step.begin(admission.job_waits_for, JobStatus.PREPARING, admission.wake_waiting(step.connection.id))


def reconcile_unknown(step: JobStep) -> StepResult:
    """Wait for a person, who alone can find out what became of the submit."""
    if not step.is_wanted:
        return step.cancelled(
            "Cancelled here. Whether it runs at the provider could not be established: have a look there."
        )
    return step.result(step.subject, None)
