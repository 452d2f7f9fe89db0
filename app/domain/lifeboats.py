"""A lifeboat: what was trained at a provider, brought home before it ends there: jobs, files, curves, and answers.

It reads, and removes nothing there. What is here already is not fetched again, so it goes on wherever it stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.domain.hyperparameters import Hyperparameter
from app.domain.metrics import Metric


class LifeboatStatus(StrEnum):
    """Where a lifeboat is."""

    RUNNING = "running"
    DONE = "done"


class RescueStage(StrEnum):
    """What is to be fetched next of one job, in this order."""

    TRAINING = "training"  # the rows that it was trained on
    VALIDATION = "validation"
    CURVES = "curves"
    ANSWERS = "answers"  # of its model on held-out rows, while it still answers
    DONE = "done"


STAGES = tuple(RescueStage)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob:
    """A job as its provider tells it, whoever made it. `word` is the provider's own for its status."""

    id: str
    name: str = ""
    base_model: str = ""
    model: str = ""
    word: str = ""
    method: str = "sft"
    training_file: str = ""
    validation_file: str = ""
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    seed: int | None = None
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPage:
    """Some of the past jobs, newest first; `after` asks for what follows, None at the end."""

    jobs: Sequence[PastJob]
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAnswer:
    """What a model answered to a held-out row, while it did; `problem` where there was no answer."""

    line: int
    asked: str
    expected: str
    answer: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifeboat:
    """One rescue from one connection. `rows`: how many held-out rows each model answers, 0: none; that is billed there.

    `cursor` is how far the provider's list has been read, `listed` whether wholly.
    """

    id: str
    connection: str | None  # None once it was deleted here
    project: str | None
    status: LifeboatStatus = LifeboatStatus.RUNNING
    rows: int = 0
    cursor: str | None = None
    listed: bool = False
    note: str = ""
    attempts: int = 0
    failing_since: datetime | None = None
    next_look_at: datetime | None = None
    created_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RescuedJob:
    """One job of a lifeboat, and what of it is here. `notes` say what could not be had, and why."""

    id: str
    lifeboat: str
    remote_id: str
    job: PastJob
    stage: RescueStage = RescueStage.TRAINING
    training_dataset: str | None = None
    validation_dataset: str | None = None
    curves: Sequence[Metric] = ()
    answers: Sequence[RecordedAnswer] = ()
    notes: Sequence[str] = ()
    created_at: datetime

    @property
    def held_out(self) -> str | None:
        """The dataset that answers are recorded on."""
        return self.validation_dataset


def after(stage: RescueStage) -> RescueStage:
    """Return the stage that follows."""
    return STAGES[min(STAGES.index(stage) + 1, len(STAGES) - 1)]
