"""What an evaluation is: one target answering the rows of one dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from app.domain.deployments import Target


class EvaluationGoal(StrEnum):
    """What people want of an evaluation."""

    FINISHED = "finished"
    CANCELLED = "cancelled"


class EvaluationStatus(StrEnum):
    """Where an evaluation is. Only the engine writes it."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return not TRANSITIONS[self]


S = EvaluationStatus
TRANSITIONS: dict[EvaluationStatus, frozenset[EvaluationStatus]] = {
    S.PENDING: frozenset({S.RUNNING, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED}),
    S.SUCCEEDED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
}


class IllegalTransition(Exception):
    """A status was asked to follow one that it cannot follow."""


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
class Evaluation:
    """One evaluation and its outcome."""

    id: str
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
    reason: str | None = None
    message: str = ""
    note: str = ""
    done_rows: int = 0
    total_rows: int | None = None
    metrics: EvaluationMetrics | None = None
    attempts: int = 0
    created_at: datetime
    changed_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failing_since: datetime | None = None  # the first of the attempts that failed in a row
    next_look_at: datetime | None = field(default=None, compare=False)  # by the engine; None: never, or not recorded

    def advance(
        self, to: EvaluationStatus, *, at: datetime, reason: str | None = None, message: str = ""
    ) -> "Evaluation":
        """Return the evaluation in status `to`; the same status is allowed and changes nothing.

        Raises:
            IllegalTransition: when `TRANSITIONS` does not allow it.
        """
        if to is self.status:
            return self
        if to not in TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.status} -> {to}")
        return replace(
            self,
            status=to,
            reason=reason,
            message=message,
            note="",
            attempts=0,
            changed_at=at,
            started_at=self.started_at or (at if to is S.RUNNING else None),
            ended_at=at if to.is_final else None,
        )
