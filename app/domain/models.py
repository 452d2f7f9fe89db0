"""What a fine-tuned model is, and the order in which it may be torn down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.state_machine import Reconciled


class ModelStatus(StrEnum):
    """Whether the model's weights still exist."""

    PRESENT = "present"
    DELETING = "deleting"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTunedModel(Reconciled):
    """The product of a job. The engine looks at it while it is being torn down."""

    name: str
    job: str | None
    project: str
    connection: str
    base_model: str
    remote_id: str  # what the backend calls it
    adapter: str = "none"
    status: ModelStatus = ModelStatus.PRESENT
    size_bytes: int | None = None
    checkpoint_step: int | None = None
    deleted_at: datetime | None = None
    kept_there: bool = False  # it was made elsewhere: removing it here leaves it at its provider


@dataclass(frozen=True, slots=True, kw_only=True)
class TeardownStep:
    """One step of a teardown, in its order: what is removed, what that saves, whether it is done."""

    kind: str  # deployment | model | files
    id: str
    label: str
    saves: str
    done: bool = False
    outcome: str = ""  # how it went, where there is more to say than that it is done


@dataclass(frozen=True, slots=True, kw_only=True)
class TeardownPlan:
    """What removing a model takes. `started` once somebody confirmed it."""

    model: FineTunedModel
    steps: Sequence[TeardownStep]
    blockers: Sequence[str] = ()
    started: bool = False
