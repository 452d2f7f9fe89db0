"""What a fine-tuning job is, and the steps it may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.errors import Conflict
from app.domain.hyperparameters import Hyperparameter
from app.domain.money import Money
from app.domain.prices import UNKNOWN, Bill, Billing
from app.domain.state_machine import Stateful, Status


class JobGoal(StrEnum):
    """What people want of a job. Only services write it."""

    FINISHED = "finished"
    STOPPED = "stopped"  # now, with what has been learned so far as the model
    PAUSED = "paused"  # now, and to go on from there when people want it finished again
    CANCELLED = "cancelled"


class JobStatus(Status):
    """Where a job is."""

    PENDING = "pending"  # recorded here; nothing exists at the backend
    PREPARING = "preparing"  # files are being split, sent and checked; then it is submitted
    QUEUED = "queued"  # accepted by the backend; waiting for capacity there
    RUNNING = "running"  # training
    PAUSED = "paused"  # stands still at the backend, and can go on from there
    CANCELLING = "cancelling"  # asked to stop; not yet confirmed
    UNKNOWN = "unknown"  # a submit's outcome cannot be established; a person resolves it
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def followers(self) -> frozenset["JobStatus"]:
        """Every status that may come next."""
        return TRANSITIONS[self]


S = JobStatus
TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    S.PENDING: frozenset({S.PREPARING, S.CANCELLED, S.FAILED}),
    S.PREPARING: frozenset({S.QUEUED, S.RUNNING, S.SUCCEEDED, S.CANCELLING, S.CANCELLED, S.FAILED, S.UNKNOWN}),
    S.QUEUED: frozenset({S.RUNNING, S.PAUSED, S.SUCCEEDED, S.CANCELLING, S.CANCELLED, S.FAILED}),
    S.RUNNING: frozenset({S.PAUSED, S.SUCCEEDED, S.CANCELLING, S.CANCELLED, S.FAILED}),
    S.PAUSED: frozenset({S.QUEUED, S.RUNNING, S.SUCCEEDED, S.CANCELLING, S.CANCELLED, S.FAILED}),
    S.CANCELLING: frozenset({S.SUCCEEDED, S.CANCELLED, S.FAILED}),
    S.UNKNOWN: frozenset({S.QUEUED, S.PENDING, S.CANCELLED, S.FAILED}),
    S.SUCCEEDED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
}
OPEN = frozenset(status for status in S if TRANSITIONS[status])
# These hold a place at the backend: admission counts them. An unknown job may well be running there; a paused one lets
# others go first.
ACTIVE = frozenset({S.PREPARING, S.QUEUED, S.RUNNING, S.CANCELLING, S.UNKNOWN})


class JobReason(StrEnum):
    """Why a job is where it is: for people and for counting, never for branching."""

    INVALID_DATA = "invalid_data"
    INVALID_REQUEST = "invalid_request"
    AUTHENTICATION = "authentication"
    QUOTA = "quota"
    CAPACITY = "capacity"
    BACKEND_ERROR = "backend_error"
    LOST = "lost"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    DIVERGED = "diverged"
    TIMED_OUT = "timed_out"
    REQUESTED = "requested"
    INTERNAL = "internal"


class TaskType(StrEnum):
    """What the tuned model is to do."""

    CHAT_COMPLETION = "chat_completion"
    TEXT_COMPLETION = "text_completion"


class Method(StrEnum):
    """How the model learns from the rows."""

    SFT = "sft"
    DPO = "dpo"
    OTHER = "other"  # of adopted jobs alone, which are read and never trained again: see `JobSpec.method_name`


TRAINED = (Method.SFT, Method.DPO)
PROVIDER_METHOD = "provider_method"  # of an adopted job's options: what its provider calls a method that none here is


class ValidationKind(StrEnum):
    """Where the validation rows come from."""

    DATASET = "dataset"
    SPLIT = "split"
    NONE = "none"


class SplitStrategy(StrEnum):
    """How rows are split into the parts of an automatic split."""

    RANDOM = "random"
    GROUPED = "grouped"
    STRATIFIED = "stratified"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationChoice:
    """The answer of the wizard's fourth step. Ratios are shares of all rows, between 0 and 1."""

    kind: ValidationKind = ValidationKind.NONE
    dataset: str | None = None
    ratio: float | None = None
    test_ratio: float | None = None
    seed: int = 0
    strategy: SplitStrategy = SplitStrategy.RANDOM
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What was asked for; never changes after submission.

    `metadata` are the asker's own pairs (`app.domain.metadata`): nothing here goes by them.
    """

    project: str
    connection: str
    base_model: str
    name: str
    task_type: TaskType = TaskType.CHAT_COMPLETION
    method: Method = Method.SFT
    training_dataset: str
    validation: ValidationChoice = field(default_factory=ValidationChoice)
    test_dataset: str | None = None
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    seed: int | None = None
    options: Mapping[str, Hyperparameter] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def method_name(self) -> str:
        """The method, in the provider's word where none here is meant."""
        return str(self.options.get(PROVIDER_METHOD) or self.method.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobParts:
    """The dataset ids that the job really uses, once an automatic split has been made."""

    training: str
    validation: str | None = None
    test: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """How far training is. `eta_s` in seconds; None where the backend does not tell.

    `trained_tokens`: how many tokens were trained on, over all epochs, as the provider counted them for its bill.
    """

    step: int | None = None
    steps: int | None = None
    epoch: float | None = None
    epochs: float | None = None
    eta_s: float | None = None
    stage: str = ""
    trained_tokens: int | None = None

    @property
    def share(self) -> float | None:
        """The finished share, 0 to 1: of steps, else of epochs."""
        if self.step is not None and self.steps:
            return min(1.0, self.step / self.steps)
        if self.epoch is not None and self.epochs:
            return min(1.0, self.epoch / self.epochs)
        return None


def share_done(status: JobStatus, goal: JobGoal, progress: JobProgress) -> float | None:
    """Return the share of a job's work that is done, 0 to 1: all once it succeeded, unless it was stopped before."""
    return 1.0 if status is S.SUCCEEDED and goal is not JobGoal.STOPPED else progress.share


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCost:
    """What a job costs, of what has a price: estimated at its submission, and by now (its total, once it has ended).

    `unpriced` names what is missing because its price is unknown. Without a bill (`billing` free or unknown) there
    are no amounts.
    """

    billing: Billing
    estimated: Money | None = None
    so_far: Money | None = None
    unpriced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuningJob(Stateful[JobStatus]):
    """One fine-tuning job: what was asked, where it stands, and what the backend said last."""

    spec: JobSpec
    goal: JobGoal = JobGoal.FINISHED
    goal_at: datetime | None = None  # when people last said so; None: at the submission
    status: JobStatus = JobStatus.PENDING
    reason: JobReason | None = None
    raw_status: str = ""
    observed_at: datetime | None = None
    remote_id: str | None = None
    parts: JobParts | None = None
    progress: JobProgress = field(default_factory=JobProgress)
    fine_tuned_model: str | None = None
    submit_started_at: datetime | None = None
    cursor: str | None = None
    resumptions: int = 0
    started_at: datetime | None = None
    cloned_from: str | None = None
    bill: Bill = UNKNOWN  # as estimated at the submission
    created_by: str = ""  # the id of who made it; "" for the owner of an installation without accounts
    adopted: bool = False  # made elsewhere: it is followed, and neither submitted nor steered nor billed from here

    @property
    def connection(self) -> str:
        """The connection that it trains on."""
        return self.spec.connection

    @property
    def is_assigned(self) -> bool:
        """Whether the rows that it trains on are known: those of a split are not before it is made."""
        return self.parts is not None or self.spec.validation.kind is not ValidationKind.SPLIT

    @property
    def datasets(self) -> JobParts:
        """The datasets that it uses: its parts, and until they are assigned what they are made of."""
        chosen = self.spec
        return self.parts or JobParts(
            training=chosen.training_dataset, validation=chosen.validation.dataset, test=chosen.test_dataset
        )

    @property
    def share(self) -> float | None:
        """The share of its work that is done, 0 to 1; None where nobody says."""
        return share_done(self.status, self.goal, self.progress)

    @property
    def cost(self) -> JobCost:
        """What it costs, as of the last look."""
        return self.cost_at(self.observed_at or self.changed_at)

    def cost_at(self, now: datetime) -> JobCost:
        """Return what it costs at a moment: work done by the share of its steps, machines by the hours they ran."""
        if self.bill.billing is not Billing.BILLED:
            return JobCost(billing=self.bill.billing)
        share = self.share
        hours = 0.0 if self.started_at is None else ((self.ended_at or now) - self.started_at).total_seconds() / 3600
        by_work = any(item.charge.per_hour is None for item in self.bill.items)
        untold = by_work and share is None and self.started_at is not None
        expected = self.bill.cost
        return JobCost(
            billing=self.bill.billing,
            estimated=None if expected is None else expected.expected,
            so_far=None if untold else self.bill.so_far(hours=max(0.0, hours), share=share or 0.0),
            unpriced=tuple(price.label for price in self.bill.unpriced),
        )

    def steered(self) -> "FineTuningJob":
        """Return itself, if it may be told what to do from here.

        Raises:
            Conflict: it was made elsewhere, and is only followed.
        """
        if self.adopted:
            message = "The job was made elsewhere and adopted: it is followed here, and steered where it was made."
            raise Conflict(message, fix="Cancel, pause or resume it at its provider.")
        return self

    @property
    def is_pausing(self) -> bool:
        """Whether it was asked to pause, and still trains or waits at the backend."""
        return self.goal is JobGoal.PAUSED and self.status in {S.QUEUED, S.RUNNING}

    @property
    def is_resuming(self) -> bool:
        """Whether it was asked to go on since it paused; one that its provider paused waits until somebody asks."""
        asked = self.goal is JobGoal.FINISHED and self.goal_at is not None
        return self.status is S.PAUSED and asked and self.goal_at is not None and self.goal_at >= self.changed_at

    @property
    def submit_in_doubt(self) -> bool:
        """Whether a submit was begun whose outcome is not recorded."""
        return self.submit_started_at is not None and self.remote_id is None

    def _on_entering(self, to: JobStatus, at: datetime) -> Mapping[str, Any]:
        return {"started_at": at} if to is S.RUNNING and self.started_at is None else {}
