"""Training metrics as columns, and checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass

TRAIN_LOSS = "train_loss"
VALIDATION_LOSS = "validation_loss"
LEARNING_RATE = "learning_rate"
TOKENS_PER_SECOND = "tokens_per_second"
GRAD_NORM = "grad_norm"
# Of learning from preferences (DPO): the chosen answer's implicit reward minus the rejected one's, and the share of
# pairs in which it is above 0 (Rafailov et al. 2023).
REWARD_MARGIN = "reward_margin"
REWARD_ACCURACY = "reward_accuracy"
VALIDATION_REWARD_MARGIN = "validation_reward_margin"
VALIDATION_REWARD_ACCURACY = "validation_reward_accuracy"
PREFERENCES = (REWARD_MARGIN, REWARD_ACCURACY, VALIDATION_REWARD_MARGIN, VALIDATION_REWARD_ACCURACY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One value of one series at one optimizer step."""

    step: int
    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSeries:
    """One series as two columns of equal length, steps rising."""

    name: str
    steps: Sequence[int]
    values: Sequence[float | None]  # None where the value was not finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the model in training answered to one held-out prompt after a step; `number` counts the prompts from 0."""

    step: int
    number: int
    prompt: str
    expected: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A saved state of a running job. `remote_id` is what the backend calls it."""

    step: int
    remote_id: str
    epoch: float | None = None
    train_loss: float | None = None
    validation_loss: float | None = None
    best: bool = False
    present: bool = True  # False once retention has removed its files
