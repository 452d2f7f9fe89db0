"""Fine-tuning jobs as OpenAI's clients send and read them.

Source of the fields: https://platform.openai.com/docs/api-reference/fine-tuning. What cannot be honoured is refused by
its name; null is as good as absent.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from app.domain.hyperparameters import AUTO, Hyperparameter
from app.domain.jobs import FineTuningJob, JobReason, JobStatus, Method
from app.domain.openai_names import FILE, JOB, RESULT, outside, tuned_name
from app.domain.openai_requests import METHODS, WORDS, JobRequest
from app.domain.splits import MAX_SEED
from app.http.fields import READS_WHOLE, RequestModel, Settings
from app.openai_api.routing import ours, seconds
from app.services.openai_jobs import Seen, has_result

ORGANISATION = "org-tunedesk"


class WireStatus(StrEnum):
    """Where a job stands, in OpenAI's words."""

    VALIDATING_FILES = "validating_files"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"  # this one and the next stand in the published reference, not in the types
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATUSES = {
    JobStatus.PENDING: WireStatus.VALIDATING_FILES,
    JobStatus.PREPARING: WireStatus.VALIDATING_FILES,
    JobStatus.QUEUED: WireStatus.QUEUED,
    JobStatus.RUNNING: WireStatus.RUNNING,
    JobStatus.PAUSED: WireStatus.PAUSED,
    JobStatus.CANCELLING: WireStatus.RUNNING,
    JobStatus.UNKNOWN: WireStatus.QUEUED,  # there is no word for it, and who waits for an end must go on waiting
    JobStatus.SUCCEEDED: WireStatus.SUCCEEDED,
    JobStatus.FAILED: WireStatus.FAILED,
    JobStatus.CANCELLED: WireStatus.CANCELLED,
}
_OVER = {WireStatus.SUCCEEDED, WireStatus.FAILED, WireStatus.CANCELLED}
_CODES = {JobReason.INVALID_DATA: "invalid_training_file", JobReason.QUOTA: "insufficient_quota"}
_NAMES = ("n_epochs", "batch_size", "learning_rate_multiplier", "beta")
# What the official schema lets an answer say; what a page asked for beyond it is left out there.
_MOST = {"n_epochs": 50, "batch_size": 256}


def _refused(value: object) -> object:
    if value not in (None, []):
        raise ValueError("this is not supported here; leave it out")
    return None


Unsupported = Annotated[None, BeforeValidator(_refused)]


def _auto_or(low: float, high: float, *, whole: bool = False) -> BeforeValidator:
    """Return what reads "auto" or a number above `low` and up to `high`; a union's own errors name no field."""

    def read(value: object) -> object:
        if value is None or value == AUTO:
            return value
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        if number is None or not low < number <= high or (whole and number != int(number)):
            kind = "a whole number" if whole else "a number"
            raise ValueError(f'this is "auto", or {kind} above {low:g} and up to {high:g}')
        return int(number) if whole else float(number)

    return BeforeValidator(read)


Epochs = Annotated[Any, _auto_or(0, 50, whole=True)]
Batch = Annotated[Any, _auto_or(0, 256, whole=True)]
Multiplier = Annotated[Any, _auto_or(0, 1e6)]
Beta = Annotated[Any, _auto_or(0, 2)]
FileId = Annotated[str, Field(min_length=1, max_length=100)]


class SupervisedHyperparametersIn(RequestModel):
    """How a model learns from answers."""

    n_epochs: Epochs = None
    batch_size: Batch = None
    learning_rate_multiplier: Multiplier = None


class DpoHyperparametersIn(SupervisedHyperparametersIn):
    """How a model learns from preferences."""

    beta: Beta = None


class SupervisedIn(RequestModel):
    """The block of the method `supervised`."""

    hyperparameters: SupervisedHyperparametersIn | None = None


class DpoIn(RequestModel):
    """The block of the method `dpo`."""

    hyperparameters: DpoHyperparametersIn | None = None


class MethodIn(RequestModel):
    """How a model learns; the block of the method may be left out."""

    type: Literal["supervised", "dpo"]
    supervised: SupervisedIn | None = None
    dpo: DpoIn | None = None
    reinforcement: Unsupported = None


class TuneDeskIn(RequestModel):
    """What only TuneDesk has: its other hyperparameters and options, by its own names."""

    hyperparameters: Settings = Field(default_factory=dict)
    options: Settings = Field(default_factory=dict)


class JobIn(RequestModel):
    """A fine-tuning job. The hyperparameters beside the method are the older way; those inside it win."""

    model: Annotated[str, Field(min_length=1, max_length=500)]
    training_file: FileId
    validation_file: FileId | None = None
    method: MethodIn | None = None
    hyperparameters: SupervisedHyperparametersIn | None = None
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED), READS_WHOLE] | None = None
    metadata: dict[str, Any] | None = None
    integrations: Unsupported = None
    tunedesk: TuneDeskIn | None = None

    def request(self) -> JobRequest:
        """Return what services take.

        Raises:
            NotFound: a file's id is of another form.
        """
        method = self.method.type if self.method else "supervised"
        block = (self.method.dpo if method == "dpo" else self.method.supervised) if self.method else None
        inner = block.hyperparameters if block else None
        given = [each.model_dump(exclude_none=True) for each in (self.hyperparameters, inner) if each]
        more = self.tunedesk or TuneDeskIn()
        return JobRequest(
            model=self.model,
            training_file=ours(self.training_file, FILE, "ds", "file"),
            validation_file=self.validation_file and ours(self.validation_file, FILE, "ds", "file"),
            method=METHODS[method],
            hyperparameters={name: value for each in given for name, value in each.items()},
            suffix=self.suffix,
            seed=self.seed,
            metadata=self.metadata or {},
            more=more.hyperparameters,
            options=more.options,
        )


def job_bodies(seen: Seen) -> list[dict[str, Any]]:
    """Return jobs as the wire has them."""
    return [_body(each, seen) for each in seen.jobs]


def status_of(job: FineTuningJob) -> WireStatus:
    """Return a job's status in OpenAI's words; it has not succeeded before its model has a name."""
    if job.is_pausing:
        return WireStatus.PAUSING
    return WireStatus.RUNNING if job.status is JobStatus.SUCCEEDED and not has_result(job) else _STATUSES[job.status]


def model_of(job: FineTuningJob, projects: Mapping[str, str], step: int | None = None) -> str:
    """Return the name of a job's model, or of its checkpoint at a step."""
    return tuned_name(job.spec.base_model, projects.get(job.spec.project, ""), job.spec.name, job.id, step)


def _body(job: FineTuningJob, seen: Seen) -> dict[str, Any]:
    spec, asked, status = job.spec, seen.asked.get(job.id), status_of(job)
    chosen = _hyperparameters(job, asked.hyperparameters if asked else {})
    word = WORDS.get(spec.method)
    left = None if job.progress.eta_s is None or job.status is not JobStatus.RUNNING else job.progress.eta_s
    over = job.ended_at if status in _OVER else None
    validation = job.datasets.validation
    return {
        "id": outside(job.id, JOB),
        "object": "fine_tuning.job",
        "created_at": seconds(job.created_at),
        "error": _error(job),
        "estimated_finish": None if left is None else seconds(job.observed_at or job.changed_at) + int(left),
        "fine_tuned_model": model_of(job, seen.projects) if status is WireStatus.SUCCEEDED else None,
        "finished_at": None if over is None else seconds(over),
        "hyperparameters": {name: value for name, value in chosen.items() if name != "beta"},
        "integrations": [],
        "metadata": dict(spec.metadata) or None,
        # That of an adopted one may be another, of which more would have to be told than is known.
        **({"method": {"type": word, word: {"hyperparameters": chosen}}} if word else {}),
        "model": asked.model if asked else spec.base_model,
        "organization_id": ORGANISATION,
        "result_files": [outside(job.id, RESULT)] if status is WireStatus.SUCCEEDED else [],
        "seed": spec.seed or 0,
        "status": status.value,
        "trained_tokens": job.progress.trained_tokens,
        "training_file": outside(spec.training_dataset, FILE),
        "user_provided_suffix": asked.suffix if asked else spec.name,
        "validation_file": None if validation is None else outside(validation, FILE),
    }


def _hyperparameters(job: FineTuningJob, asked: Mapping[str, Hyperparameter]) -> dict[str, Hyperparameter]:
    """Return what was asked for, in OpenAI's words; what our own words cannot say in them is left out."""
    own = job.spec.hyperparameters
    names = _NAMES if job.spec.method is Method.DPO else _NAMES[:-1]
    chosen = {name: asked.get(name, own.get(name, AUTO)) for name in names}
    if "learning_rate" in own and "learning_rate_multiplier" not in asked:
        del chosen["learning_rate_multiplier"]
    return {name: value for name, value in chosen.items() if value == AUTO or _is_sayable(name, value)}


def _is_sayable(name: str, value: Hyperparameter) -> bool:
    if name in _MOST:
        return isinstance(value, int) and 1 <= value <= _MOST[name]
    return isinstance(value, int | float) and value > 0


def _error(job: FineTuningJob) -> dict[str, str | None] | None:
    if job.status is not JobStatus.FAILED:
        return None
    reason = job.reason or JobReason.INTERNAL
    code = _CODES.get(reason, reason.value)
    param = "training_file" if reason is JobReason.INVALID_DATA else None
    return {"code": code, "message": job.message or "The job failed.", "param": param}


def job_id(given: str) -> str:
    """Return our id of a job.

    Raises:
        NotFound: it is of another form.
    """
    return ours(given, JOB, "job", "job")
