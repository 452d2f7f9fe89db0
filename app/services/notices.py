"""What is written to webhooks, in the transaction of what it is about; sent later, by the engine."""

from datetime import date, datetime

from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.models import FineTunedModel
from app.domain.webhooks import WebhookEvent
from app.store import webhooks
from app.store.database import Writer

_ENDS = {
    JobStatus.SUCCEEDED: WebhookEvent.JOB_SUCCEEDED,
    JobStatus.FAILED: WebhookEvent.JOB_FAILED,
    JobStatus.CANCELLED: WebhookEvent.JOB_CANCELLED,
}
_LONGEST = 1000  # characters of a provider's sentence


def job_ended(tx: Writer, job: FineTuningJob, *, at: datetime) -> None:
    """Write that a job has ended, if it has: once for each end."""
    event = _ENDS.get(job.status)
    if event is None:
        return
    data = {
        "id": job.id,
        "object": "fine_tuning.job",
        "status": job.status.value,
        "name": job.spec.name,
        "project": job.spec.project,
        "connection": job.spec.connection,
        "base_model": job.spec.base_model,
        "fine_tuned_model": job.fine_tuned_model,
        "reason": None if job.reason is None else job.reason.value,
        "message": job.message[:_LONGEST],
    }
    webhooks.record(tx, event, subject=job.id, state=job.status.value, project=job.spec.project, data=data, at=at)


def model_deleted(tx: Writer, model: FineTunedModel, *, at: datetime) -> None:
    """Write that a model's weights are gone."""
    event = WebhookEvent.MODEL_DELETED
    webhooks.record(tx, event, subject=model.id, state="deleted", project=model.project, data=_model(model), at=at)


def model_ending(tx: Writer, model: FineTunedModel, *, day: date | None, replacement: str | None, at: datetime) -> None:
    """Write that the base of a model in use ends on a day: once for each day that is named."""
    data = {**_model(model), "ends_on": None if day is None else day.isoformat(), "replacement": replacement}
    event, state = WebhookEvent.MODEL_ENDING, f"ending {day or 'some day'}"
    webhooks.record(tx, event, subject=model.id, state=state, project=model.project, data=data, at=at)


def _model(model: FineTunedModel) -> dict[str, object]:
    return {
        "id": model.id,
        "object": "model",
        "name": model.name,
        "project": model.project,
        "connection": model.connection,
        "base_model": model.base_model,
        "job": model.job,
    }
