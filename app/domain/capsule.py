"""A run's capsule: everything that it takes to run it again elsewhere, and what came of it, in one file.

docs/capsule.md describes the file for people; `VERSION` grows when its meaning changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.evaluations import EvaluationMetrics
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec, JobStatus, Method, TaskType, ValidationChoice
from app.domain.money import Money
from app.domain.prices import Billing

FORMAT = "tunedesk.capsule"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A dataset by its content; name and counts are for people."""

    sha256: str
    name: str
    filename: str
    bytes: int
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleData:
    """The rows that were asked for (`source`), and those that a split of them, or a choice, gave to each part."""

    source: Rows
    training: Rows | None = None
    validation: Rows | None = None
    test: Rows | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What was asked for, without anything that only means something in one installation."""

    base_model: str
    name: str
    task_type: TaskType = TaskType.CHAT_COMPLETION
    method: Method = Method.SFT
    validation: ValidationChoice = field(default_factory=ValidationChoice)
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    options: Mapping[str, Hyperparameter] = field(default_factory=dict)
    seed: int | None = None

    @classmethod
    def of(cls, spec: JobSpec) -> "Recipe":
        """Return the recipe behind a spec."""
        choice = spec.validation
        return cls(
            base_model=spec.base_model,
            name=spec.name,
            task_type=spec.task_type,
            method=spec.method,
            validation=ValidationChoice(
                kind=choice.kind,
                ratio=choice.ratio,
                test_ratio=choice.test_ratio,
                seed=choice.seed,
                strategy=choice.strategy,
                key=choice.key,
            ),
            hyperparameters=spec.hyperparameters,
            options=spec.options,
            seed=spec.seed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a run was made with, as far as the backend knows: `weights` are the base model's files by their SHA-256
    (empty where they did not lie on the machine), `runtime` names the environment by the hash of its lock.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    runtime: str | None = None
    device: str | None = None
    weights: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a series."""

    step: int
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecord:
    """How a target answered which rows; `rendering` and `model_hash` say what answered, where that is known."""

    rows_sha256: str
    selection_biased: bool
    metrics: EvaluationMetrics | None
    rendering: int | None = None
    model_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: each series' last point, the best checkpoint by validation loss, and what the judges said."""

    final: Mapping[str, Point] = field(default_factory=dict)
    best_checkpoint: Point | None = None
    evaluations: Mapping[str, EvaluationRecord] = field(default_factory=dict)  # by "base" and "tuned"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleJob:
    """Which job that was."""

    id: str
    status: JobStatus
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsule:
    """The whole file. `sent` are the parameters as the backend took them; `price` is what the run cost so far, null
    where nothing of it has a price: `billing` says whether it is free.
    """

    format: str = FORMAT
    version: int = VERSION
    tunedesk: str
    written_at: datetime
    job: CapsuleJob
    backend: str
    connection: str
    recipe: Recipe
    data: CapsuleData
    sent: Mapping[str, Hyperparameter] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)
    outcome: Outcome = field(default_factory=Outcome)
    billing: Billing = Billing.UNKNOWN
    price: Money | None = None
