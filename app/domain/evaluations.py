"""What an evaluation is: one target answering the rows of one dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from app.domain import intervals
from app.domain.deployments import Target
from app.domain.intervals import Interval
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

    `ended`, `cut` and `empty` are numbers of answers: those that ended by themselves, those that were cut at their
    limit, and those of either kind without any text. Of rows with a chosen and a rejected answer, `preferred` is the
    share whose chosen answer is the likelier one, and `margin` the mean of log p(chosen) less log p(rejected), each
    summed over the answer's tokens, in nats: `beta` times tuned less base is TRL's reward margin. `intervals` has the
    95 % interval of shares of rows (Wilson's) and of the margin, by the figure's name.
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
    ended: int | None = None
    cut: int | None = None
    empty: int | None = None
    preferred: float | None = None
    margin: float | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Return the figures of a document, such as `scoring.figures` gives; what else stands in it is left out."""
        known = {name: value for name, value in found.items() if name in cls.__dataclass_fields__}
        matrix, spans = known.get("confusion"), known.get("intervals") or {}
        known["confusion"] = matrix and Confusion(labels=matrix["labels"], counts=matrix["counts"])
        known["intervals"] = {
            name: each if isinstance(each, Interval) else Interval(**each) for name, each in spans.items()
        }
        return cls(**known)

    def interval(self, name: str) -> Interval | None:
        """Return a figure's interval; earlier releases recorded none, and shares of rows have one all the same."""
        share = getattr(self, name)
        if name in self.intervals or name not in SHARES_OF_ROWS or share is None:
            return self.intervals.get(name)
        return intervals.of_share(round(share * self.rows), self.rows)


# The figures that are single numbers, the most telling first: the field, whether it is a share, whether less is better.
FIGURES = (
    ("preferred", True, False),
    ("margin", False, False),
    ("accuracy", True, False),
    ("macro_f1", True, False),
    ("forced_choice_accuracy", True, False),
    ("exact_match", True, False),
    ("token_f1", True, False),
    ("token_accuracy", True, False),
    ("loss", False, True),
    ("perplexity", False, True),
)
# Those that count rows as right or wrong, and so have an interval by the number of rows.
SHARES_OF_ROWS = frozenset({"preferred", "accuracy", "forced_choice_accuracy", "exact_match"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What answered: the version of the rendering that wrote the questions, and the SHA-256 of the model's files."""

    rendering: int
    model: str


UNKNOWN_MODEL = Identity(rendering=0, model="")  # where a backend tells what answers, and cannot now: equal to none


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """One row answered. `line` is the line number in the dataset.

    `ended`: whether the answer ended by itself; None where that is not known. `margin`: log p(chosen) less
    log p(rejected), of rows that have both.
    """

    line: int
    prompt: str
    expected: str
    answer: str
    correct: bool
    loss: float | None = None
    ended: bool | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Stateful[EvaluationStatus]):
    """One evaluation and its outcome.

    `rendering` and `model_hash` say what answered (`Identity`); None where the backend does not tell, or an earlier
    release evaluated. `not_reused` says why an earlier evaluation that asked the same was not taken over.
    """

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
    rendering: int | None = None
    model_hash: str | None = None
    not_reused: str = ""
    started_at: datetime | None = None

    @property
    def identity(self) -> Identity | None:
        """What answered, where that is known."""
        if self.rendering is None or self.model_hash is None:
            return None
        return Identity(rendering=self.rendering, model=self.model_hash)

    @property
    def connection(self) -> str:
        """The connection that answers the rows."""
        return self.target.connection

    def _on_entering(self, to: EvaluationStatus, at: datetime) -> Mapping[str, Any]:
        return {"started_at": at} if to is S.RUNNING and self.started_at is None else {}


def why_not_reused(earlier: Evaluation, now: Identity | None) -> str:
    """Return why an evaluation that asked the same does not stand for a new one; empty where it does.

    `now` is what would answer; None where the backend does not tell: there a model is what it is called.
    """
    before = earlier.identity
    if before == now:
        return ""
    begun = f"Evaluation {earlier.id} asked the same, and is not taken over:"
    if before is None:
        return f"{begun} an earlier release made it, which wrote the questions in another way."
    if now is None or before.model != now.model:
        return f"{begun} the model's files are not those of then."
    return f"{begun} the questions are written in another way now."


def why_not_comparable(one: Evaluation, other: Evaluation) -> str:
    """Return why the figures of two evaluations of the same rows say nothing of each other; empty where they do."""
    if one.rendering == other.rendering:
        return ""
    older = min((one, other), key=lambda each: each.rendering or 0)
    made = "an earlier release" if older.rendering is None else "an earlier way of writing the questions"
    which = "tuned" if older.target.is_tuned else "base"
    return (
        f"These two evaluations cannot be compared: the one of the {which} model was made with {made}. "
        "Evaluate that model again."
    )
