"""A job as a row of a list: what is seen at a glance, and nothing that costs much to read."""

from datetime import datetime
from typing import NamedTuple

from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobStatus

# The parameters that a row shows, where they were chosen; the names of all backends.
SHOWN_SETTINGS = ("n_epochs", "batch_size", "learning_rate", "learning_rate_multiplier")


class JobSummary(NamedTuple):  # made fifty at a time: a frozen dataclass costs five times as much to make
    """One row. `share` of its steps that are done; the losses are the last ones; `curve` the training loss so far.

    Hashable, so that what is made of it can be kept.
    """

    id: str
    name: str
    base_model: str
    connection: str
    status: JobStatus
    created_at: datetime
    ended_at: datetime | None
    observed_at: datetime | None
    failing_since: datetime | None
    next_look_at: datetime | None
    share: float | None
    settings: tuple[tuple[str, Hyperparameter], ...]
    train_loss: float | None
    validation_loss: float | None
    curve: tuple[float, ...]
