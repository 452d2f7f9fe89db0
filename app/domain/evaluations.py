"""What an evaluation is: one target answering the rows of one dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from app.domain.deployments import Target
from app.domain.jobs import JobReason
from app.domain.state_machine import Stateful, Status


class EvaluationGoal(StrEnum):
    """What people want of an evaluation."""

    FINISHED = "finished"
    CANCELLED = "cancelled"


class EvaluationStatus(Status):
    """Where an evaluation is."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def followers(self) -> frozenset["EvaluationStatus"]:
        """Every status that may come next."""
        return TRANSITIONS[self]


S = EvaluationStatus
TRANSITIONS: dict[EvaluationStatus, frozenset[EvaluationStatus]] = {
    S.PENDING: frozenset({S.RUNNING, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED}),
    S.SUCCEEDED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """How often each expected label (row) was answered as each label (column); the last column is "other"."""

    labels: Sequence[str]
    counts: Sequence[Sequence[int]]  # len(labels) rows of len(labels) + 1 columns


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationMetrics:
    """The figures; None where the backend or the data cannot give one, with the reason in `missing`.

    `loss` is the mean negative log likelihood per answer token in nats, `perplexity` its exponential; the rest
    are shares between 0 and 1. `accuracy`, `macro_f1`, `forced_choice_accuracy` and `confusion` exist only where
    the answers are a small set of labels.
    """

    rows: int = 0
    loss: float | None = None
    perplexity: float | None = None
    token_accuracy: float | None = None
    exact_match: float | None = None
    token_f1: float | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    forced_choice_accuracy: float | None = None
    confusion: Confusion | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Return the figures of a document, such as `scoring.figures` gives; what else stands in it is left out."""
        known = {name: value for name, value in found.items() if name in cls.__dataclass_fields__}
        matrix = known.get("confusion")
        return cls(**{**known, "confusion": matrix and Confusion(labels=matrix["labels"], counts=matrix["counts"])})


# The figures that are single numbers, the most telling first: the field, whether it is a share, whether less is better.
FIGURES = (
    ("accuracy", True, False),
    ("macro_f1", True, False),
    ("forced_choice_accuracy", True, False),
    ("exact_match", True, False),
    ("token_f1", True, False),
    ("token_accuracy", True, False),
    ("loss", False, True),
    ("perplexity", False, True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """One row answered. `line` is the line number in the dataset."""

    line: int
    prompt: str
    expected: str
    answer: str
    correct: bool
    loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Stateful[EvaluationStatus]):
    """One evaluation and its outcome."""

    target: Target
    dataset: str
    project: str | None = None
    job: str | None = None  # the job whose result it judges, for base and tuned alike
    system_prompt: str | None = None
    few_shot: int = 0  # number of training examples shown to the model before each question
    few_shot_dataset: str | None = None
    selection_biased: bool = False
    goal: EvaluationGoal = EvaluationGoal.FINISHED
    status: EvaluationStatus = EvaluationStatus.PENDING
    reason: JobReason | None = None
    done_rows: int = 0
    total_rows: int | None = None
    metrics: EvaluationMetrics | None = None
    started_at: datetime | None = None

    @property
    def connection(self) -> str:
        """The connection that answers the rows."""
        return self.target.connection

    def _on_entering(self, to: EvaluationStatus, at: datetime) -> Mapping[str, Any]:
        return {"started_at": at} if to is S.RUNNING and self.started_at is None else {}
