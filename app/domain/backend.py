"""What a backend must do. The one seam between us and every provider.

Rules for every method
  - returns within seconds: starts things, looks at things, never waits for things;
  - raises nothing but `BackendError`;
  - writes nothing of ours: the caller records what it is told;
  - may be called again after a crash: a repeat finds what the first call made.

What it can do beyond training is an `Ability` each, asked with `isinstance`; why it cannot do the rest, `profile` says.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.backend_errors import (
    BackendError,
    DataRejected,
    NoCapacity,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    Permanent,
    QuotaExceeded,
    RateLimited,
    Refused,
    Rejected,
    Transient,
    Unavailable,
    Unsupported,
)
from app.domain.catalog import CatalogModel
from app.domain.connections import Check
from app.domain.deployments import DeploymentStatus
from app.domain.estimates import Estimate
from app.domain.evaluations import EvaluationMetrics, EvaluationRow, EvaluationStatus, Identity
from app.domain.events import EventLevel
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobProgress, JobReason, JobSpec, JobStatus
from app.domain.metrics import Checkpoint, Metric, Sample
from app.domain.profiles import Ability, BackendProfile

__all__ = [  # the errors stand in a module of their own, and belong to the seam
    "BackendError",
    "DataRejected",
    "NoCapacity",
    "NotAuthorised",
    "NotFound",
    "OutcomeUnknown",
    "Permanent",
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "Rejected",
    "Transient",
    "Unavailable",
    "Unsupported",
]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at the backend; `ready` once it may be trained on. `note`: why that takes longer than usual."""

    id: str
    ready: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job at the backend."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """One training. `tag` is our job id: how a repeat finds the first call's work."""

    tag: str
    base_model: str
    method: str
    task_type: str
    training_file: RemoteFile
    validation_file: RemoteFile | None
    hyperparameters: Mapping[str, Hyperparameter]
    options: Mapping[str, Hyperparameter]
    seed: int | None
    suffix: str  # the fine-tuned model's name


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEvent:
    """Something that the backend tells about a job. `id` is unique within the job, so repeats are recognised."""

    id: str
    at: datetime
    level: EventLevel
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobObservation:
    """Everything that one look tells, so that it is recorded in one transaction."""

    status: JobStatus
    reason: JobReason | None = None
    message: str = ""
    raw_status: str = ""  # the backend's own word, kept for people
    note: str = ""  # what people should know while the status stays as it is
    progress: JobProgress | None = None
    fine_tuned_model: str | None = None  # the backend's own name of it, once it exists and can be told
    model_size_bytes: int | None = None
    interrupted: bool = False  # stopped before its end, with a checkpoint to go on from (see `Resumes`)
    sent: Mapping[str, Hyperparameter] | None = None  # the parameters as the backend took them
    events: Sequence[RemoteEvent] = ()
    metrics: Sequence[Metric] = ()
    checkpoints: Sequence[Checkpoint] = ()
    samples: Sequence[Sample] = ()
    cursor: str | None = None  # where the next look may begin
    next_look: timedelta | None = None  # how soon looking again is worth while


class Backend(ABC):
    """The least that a backend can do: train."""

    @property
    @abstractmethod
    def profile(self) -> BackendProfile:
        """What it is, and what it cannot do."""

    @property
    @abstractmethod
    def acceptance_grace(self) -> timedelta:
        """How long after an unanswered submit a look-up by tag may still miss the job."""

    @abstractmethod
    def check(self) -> None:
        """Return if the backend could train now; one that is elsewhere is asked, whatever it said before.

        Raises:
            NoCapacity, Unavailable, NotAuthorised: with why, for example "the runtime is being installed: 42 %".
        """

    @abstractmethod
    def base_models(self) -> Sequence[CatalogModel]:
        """Return what can be fine-tuned here, knobs included; `connection` is filled in by the caller."""

    @abstractmethod
    def base_model(self, identifier: str) -> CatalogModel:
        """Return one base model, also one that the list does not show (a local directory, a hub id).

        Raises:
            NotFound, Rejected: with a sentence for people.
        """

    @abstractmethod
    def upload(self, path: Path, *, tag: str) -> RemoteFile:
        """Bring a file of rows to the backend; the same tag finds the first call's file."""

    @abstractmethod
    def file(self, file: RemoteFile) -> RemoteFile:
        """Return the file's present state."""

    @abstractmethod
    def submit(self, request: TrainingRequest) -> RemoteJob:
        """Start a training, once per tag as far as the backend can tell.

        Raises:
            OutcomeUnknown: when it may or may not have been accepted.
        """

    @abstractmethod
    def find(self, tag: str) -> RemoteJob | None:
        """Return the job that was submitted under `tag`, if there is one.

        Raises:
            Unsupported: when the backend cannot look jobs up by tag.
        """

    @abstractmethod
    def observe(self, job: RemoteJob, *, since: str | None) -> JobObservation:
        """Look at a job; `since` is the cursor of the last look."""

    @abstractmethod
    def cancel(self, job: RemoteJob) -> None:
        """Ask the job to stop; asking again, or asking a finished one, is fine."""

    @abstractmethod
    def discard_model(self, model: str) -> str | None:
        """Remove a fine-tuned model; one that is gone is fine. Return how, where there is more to say than "gone"."""


class Resumes(Ability):
    """To go on with an interrupted job from its last complete checkpoint."""

    @abstractmethod
    def resume(self, job: RemoteJob) -> None:
        """Start it again; a repeat while it runs does nothing."""


class KeepsLogs(Ability):
    """To show the training's raw log."""

    @abstractmethod
    def log(self, job: RemoteJob, *, lines: int) -> Sequence[str]:
        """Return the last `lines` lines of the log."""

    @abstractmethod
    def log_path(self, job: RemoteJob) -> Path | None:
        """Return the whole log as a file, for downloading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRequest:
    """One deployment. `tag` is our deployment id. `model` is the backend's name of a tuned model, if one is served."""

    tag: str
    base_model: str
    model: str | None
    name: str
    content_safety: bool = True
    options: Mapping[str, Hyperparameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentObservation:
    """What one look at a deployment tells; `gone` when nothing serves (any more)."""

    status: DeploymentStatus  # PENDING where nothing is known that would move it: it stays, with the `message`
    message: str = ""
    raw_status: str = ""
    endpoint: str | None = None
    region: str | None = None
    gone: bool = False
    unfinished: bool = False  # a further step is to be taken: `deploy` takes it when it is called again
    next_look: timedelta | None = None


class Deploys(Ability):
    """To serve what was trained, and the base beside it."""

    @abstractmethod
    def deploy(self, request: DeploymentRequest) -> None:
        """Begin to serve; a repeat finds what the first call made."""

    @abstractmethod
    def observe_deployment(self, tag: str) -> DeploymentObservation:
        """Look at a deployment."""

    @abstractmethod
    def undeploy(self, tag: str) -> None:
        """Stop serving; one that is gone is fine. `observe_deployment` then tells DELETED once it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How an answer is drawn and where it ends; `max_tokens` None: as far as the model's context goes.

    A backend that cannot honour a part of it raises `Rejected` with that field, and never leaves it out in silence.
    """

    temperature: float = 0.0
    max_tokens: int | None = 256
    top_p: float = 1.0
    seed: int | None = None
    stop: Sequence[str] = ()  # texts at which the answer ends; they are no part of it


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest(Sampling):
    """An OpenAI-style chat completion.

    Messages are {"role", "content"} in their order, `content` a text; beside it may stand `tool_calls` and
    `tool_call_id`. `tools` are functions in OpenAI's shape, which the model may name in its answer.
    """

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest(Sampling):
    """An OpenAI-style completion: the text to go on from."""

    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatChunk:
    """A piece of an answer; the last has `finish_reason`, token counts, and calls that stand apart from its text."""

    text: str = ""
    finish_reason: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Chats(Ability):
    """To answer through a deployment."""

    @abstractmethod
    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer piece by piece as the model writes; closing the iterator stops it."""


class Completes(Ability):
    """To go on with a text through a deployment, without a chat's form around it."""

    @abstractmethod
    def complete(self, tag: str, request: CompletionRequest) -> Iterator[ChatChunk]:
        """Go on piece by piece as the model writes; closing the iterator stops it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """One evaluation. `tag` is our evaluation id; few-shot examples are whole rows shown before each question."""

    tag: str
    base_model: str
    model: str | None
    rows: Path
    system_prompt: str | None = None
    few_shot: Sequence[Mapping[str, object]] = ()
    labels: Sequence[str] = ()  # the small answer set, where there is one
    deployment: str | None = None  # the tag of a deployment that serves it, where it is asked through one


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationObservation:
    """What one look at an evaluation tells. Rows come once, with the final look."""

    status: EvaluationStatus
    message: str = ""
    reason: JobReason | None = None
    done_rows: int = 0
    total_rows: int | None = None
    metrics: EvaluationMetrics | None = None
    rows: Sequence[EvaluationRow] = ()
    identity: Identity | None = None  # what answered, where the backend tells
    next_look: timedelta | None = None


class Evaluates(Ability):
    """To let a base or tuned model answer held-out rows, and to count."""

    @abstractmethod
    def start_evaluation(self, request: EvaluationRequest) -> None:
        """Begin; a repeat finds what the first call made."""

    @abstractmethod
    def observe_evaluation(self, tag: str) -> EvaluationObservation:
        """Look at an evaluation."""

    @abstractmethod
    def cancel_evaluation(self, tag: str) -> None:
        """Stop it; one that is gone is fine."""


class Checks(Ability):
    """To say what is missing before somebody starts: the doctor."""

    @abstractmethod
    def doctor(self) -> Sequence[Check]:
        """Run the read-only checks, each within seconds or "could not tell"."""


class Estimates(Ability):
    """To say what a training will take."""

    @abstractmethod
    def estimate(self, spec: JobSpec, *, rows: int, tokens: int, validation_rows: int, longest: int | None) -> Estimate:
        """Estimate a job by rows and tokens of its training file; no row of its files has over `longest`."""


class ShowsCode(Ability):
    """To show a job as code that runs when pasted."""

    @abstractmethod
    def code_targets(self) -> Mapping[str, str]:
        """Return the targets this backend can write, each with its name for people: {"trl": "TRL script"}."""

    @abstractmethod
    def code(self, target: str, spec: JobSpec, *, training_file: Path, validation_file: Path | None) -> str:
        """Return the job as a script or command."""


class KeepsWeights(Ability):
    """To hand out a tuned model's files."""

    @abstractmethod
    def model_files(self, model: str) -> Path:
        """Return the folder with the model's safetensors and card."""
