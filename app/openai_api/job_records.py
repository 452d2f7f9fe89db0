"""What a job leaves below `/v1`: events and checkpoints, the newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, Any

from starlette.requests import Request
from starlette.responses import Response

from app.data.curves_csv import TRAIN_ACCURACY, VALIDATION_ACCURACY, by_step
from app.domain.errors import Forbidden, NotFound
from app.domain.events import Event, EventLevel
from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.metrics import TRAIN_LOSS, VALIDATION_LOSS
from app.domain.openai_names import CHECKPOINT, EVENT, FILE, JOB, outside
from app.http.dependencies import may_with_key
from app.openai_api.job_shapes import job_id, model_of
from app.openai_api.queries import paged
from app.openai_api.routing import Identifier, ModelName, listing, seconds, wire
from app.services import checkpoints, jobs, openai_jobs, openai_models
from app.services.scope import Scope

router = wire()
_EVENTS, _CHECKPOINTS = 20, 10  # on a page, where nothing else is said
_MOST_EVENTS = 10_000
_LEVELS = {EventLevel.INFO: "info", EventLevel.WARNING: "warn", EventLevel.ERROR: "error"}
_METRICS = {
    TRAIN_LOSS: "train_loss",
    TRAIN_ACCURACY: "train_mean_token_accuracy",
    VALIDATION_LOSS: "valid_loss",
    VALIDATION_ACCURACY: "valid_mean_token_accuracy",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    at: datetime
    rank: tuple[int, int]  # orders what happened in the same moment: a step before what the journal says of it
    body: dict[str, Any]


@router.get("/fine_tuning/jobs/{identifier}/events")
def list_events(
    request: Request, scope: Annotated[Scope, may_with_key(jobs.events)], identifier: Identifier
) -> Response:
    """What happened to a job, and the steps at which its loss was measured.

    A step's moment is not kept: it is worked out between the training's first moment and its last look.
    """
    job, wanted = jobs.get(scope, job_id(identifier)), paged(request, usual=_EVENTS)
    journal = jobs.events(scope, job, limit=_MOST_EVENTS).items
    series = jobs.metrics(scope, job, names=tuple(_METRICS), points=jobs.MAX_POINTS)
    entries = [*_journal(job, journal), *_measured(job, list(by_step(series)))]
    entries.sort(key=lambda each: (each.at, each.rank), reverse=True)
    return _page([each.body for each in entries], wanted.after, wanted.limit, "event")


@router.get("/fine_tuning/jobs/{identifier}/checkpoints")
def list_checkpoints(
    request: Request, scope: Annotated[Scope, may_with_key(checkpoints.of_job)], identifier: Identifier
) -> Response:
    """A job's checkpoints that are there; each has the name of a model, which is served when it is first asked."""
    job, wanted = jobs.get(scope, job_id(identifier)), paged(request, usual=_CHECKPOINTS)
    names = openai_jobs.seen(scope, job).projects
    measured = dict(by_step(jobs.metrics(scope, job, names=tuple(_METRICS), points=jobs.MAX_POINTS)))
    bodies = []
    for each in reversed([kept for kept in checkpoints.of_job(scope, job) if kept.present]):
        losses = {"train_loss": each.train_loss, "valid_loss": each.validation_loss}
        at_step = {_METRICS[name]: value for name, value in measured.get(each.step, {}).items()}
        found = at_step | {name: value for name, value in losses.items() if value is not None}
        bodies.append(
            {
                "id": f"{outside(job.id, CHECKPOINT)}s{each.step}",
                "object": "fine_tuning.job.checkpoint",
                "created_at": seconds(_moment(job, each.step)),
                "fine_tuned_model_checkpoint": model_of(job, names, each.step),
                "fine_tuning_job_id": outside(job.id, JOB),
                "metrics": {"step": each.step, **found},
                "step_number": each.step,
            }
        )
    return _page(bodies, wanted.after, wanted.limit, "checkpoint", ends=True)


@router.get("/fine_tuning/checkpoints/{checkpoint:path}/permissions")
def list_permissions(scope: Annotated[Scope, may_with_key(openai_models.named)], checkpoint: ModelName) -> Response:
    """Who else may use a checkpoint: nobody, for there is one organisation."""
    openai_models.named(scope, checkpoint)
    return listing([], has_more=False, ends=True, none=None)


@router.post("/fine_tuning/checkpoints/{checkpoint:path}/permissions")
def create_permission(scope: Annotated[Scope, may_with_key(openai_models.named)], checkpoint: ModelName) -> Response:
    """Refused: permissions are for other projects of an organisation, and whoever is let in here may use all models."""
    openai_models.named(scope, checkpoint)
    raise Forbidden("Models are not shared between organisations here.", fix="Everybody who is let in may use them.")


@router.delete("/fine_tuning/checkpoints/{checkpoint:path}/permissions/{permission}")
def delete_permission(
    scope: Annotated[Scope, may_with_key(openai_models.named)], checkpoint: ModelName, permission: Identifier
) -> Response:
    """Not found: there are none."""
    openai_models.named(scope, checkpoint)
    raise NotFound("permission", permission)


def _page(
    bodies: Sequence[dict[str, Any]], after: str | None, limit: int, kind: str, *, ends: bool = False
) -> Response:
    start = 0
    if after is not None:
        start = next((at for at, each in enumerate(bodies, 1) if each["id"] == after), 0)
        if not start:
            raise NotFound(kind, after[:100], fix="Ask for the page behind an id of this list.")
    page = list(islice(bodies, start, start + limit))
    return listing(page, has_more=len(bodies) > start + limit, ends=ends, none=None)


def _journal(job: FineTuningJob, journal: Sequence[Event]) -> Iterator[_Entry]:
    for each in journal:
        level, message = _LEVELS[each.level], each.message
        if each.kind == "status":
            message = _sentence(job, each.message)
            level = "warn" if each.message == JobStatus.UNKNOWN else level
        body = _event(f"{EVENT}{each.number}", each.at, level, message, "message", {})
        yield _Entry(each.at, (1, each.number), body)


def _sentence(job: FineTuningJob, status: str) -> str:
    """Return a change of status in the words that OpenAI's clients know."""
    training, validation = job.spec.training_dataset, job.datasets.validation
    also = f" and validation file: {outside(validation, FILE)}" if validation else ""
    known = {
        JobStatus.PENDING: f"Created fine-tuning job: {outside(job.id, JOB)}",
        JobStatus.PREPARING: f"Validating training file: {outside(training, FILE)}{also}",
        JobStatus.QUEUED: "Files validated, moving job to queued state",
        JobStatus.RUNNING: "Fine-tuning job started",
        JobStatus.PAUSED: "Fine-tuning job paused",
        JobStatus.SUCCEEDED: "The job has successfully completed",
        JobStatus.CANCELLED: "The job was cancelled",
        JobStatus.FAILED: f"The job failed: {job.message}" if job.message else "The job failed",
        JobStatus.UNKNOWN: "Whether the backend accepted the job is unknown; resolve it in TuneDesk",
    }
    return known.get(JobStatus(status), status) if status in set(JobStatus) else status


def _measured(job: FineTuningJob, measured: Sequence[tuple[int, dict[str, float]]]) -> Iterator[_Entry]:
    total = job.progress.steps or (measured[-1][0] if measured else None)
    for step, values in measured:
        words = [("training loss", values.get(TRAIN_LOSS)), ("validation loss", values.get(VALIDATION_LOSS))]
        said = ", ".join(f"{name}={value:.2f}" for name, value in words if value is not None)
        data = {"step": step, **{_METRICS[name]: value for name, value in values.items()}, "total_steps": total}
        at = _moment(job, step, last=measured[-1][0])
        body = _event(f"{outside(job.id, EVENT)}s{step}", at, "info", f"Step {step}/{total}: {said}", "metrics", data)
        yield _Entry(at, (0, step), body)


def _moment(job: FineTuningJob, step: int, *, last: int = 0) -> datetime:
    """Return about when a step was made, between the training's first moment and its last look."""
    began = job.started_at or job.created_at
    until = max(began, job.ended_at or job.observed_at or job.changed_at)
    share = step / max(step, last, job.progress.step or 0, 1)
    return began + timedelta(seconds=(until - began).total_seconds() * share)


def _event(identifier: str, at: datetime, level: str, message: str, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": identifier,
        "object": "fine_tuning.job.event",
        "created_at": seconds(at),
        "level": level,
        "message": message,
        "type": kind,
        "data": data,
    }
