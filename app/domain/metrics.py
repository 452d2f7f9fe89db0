"""Training metrics as columns, and checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass

TRAIN_LOSS = "train_loss"
VALIDATION_LOSS = "validation_loss"
LEARNING_RATE = "learning_rate"
TOKENS_PER_SECOND = "tokens_per_second"
GRAD_NORM = "grad_norm"
TRAIN_ACCURACY = "train_token_accuracy"
VALIDATION_ACCURACY = "validation_token_accuracy"
REWARD_MARGIN = "reward_margin"
REWARD_ACCURACY = "reward_accuracy"
VALIDATION_REWARD_MARGIN = "validation_reward_margin"
VALIDATION_REWARD_ACCURACY = "validation_reward_accuracy"
LOSSES = (TRAIN_LOSS, VALIDATION_LOSS)
SHARE = "share"  # the unit of what lies between 0 and 1
N_ = str  # marks a text for pybabel; the pages translate it


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series that has a name for people: its title, its unit where it has one, and which way is better, if any."""

    name: str
    title: str
    unit: str = ""
    lower_is_better: bool | None = None


# Every series that is known, in the order in which it is shown. A backend may report others by names of its own.
# Of preferences (DPO), a margin is the chosen answer's implicit reward minus the rejected one's, and an accuracy the
# share of pairs in which that is above 0 (Rafailov et al. 2023).
SERIES = (
    Series(name=TRAIN_LOSS, title=N_("Training loss"), lower_is_better=True),
    Series(name=VALIDATION_LOSS, title=N_("Validation loss"), lower_is_better=True),
    Series(name=LEARNING_RATE, title=N_("Learning rate")),
    Series(name=TOKENS_PER_SECOND, title=N_("Tokens a second"), unit="tokens/s"),
    Series(name=GRAD_NORM, title=N_("Gradient norm")),
    Series(name=TRAIN_ACCURACY, title=N_("Token accuracy"), unit=SHARE, lower_is_better=False),
    Series(name=VALIDATION_ACCURACY, title=N_("Token accuracy, validation"), unit=SHARE, lower_is_better=False),
    Series(name=REWARD_MARGIN, title=N_("Reward margin"), lower_is_better=False),
    Series(name=REWARD_ACCURACY, title=N_("Reward accuracy"), unit=SHARE, lower_is_better=False),
    Series(name=VALIDATION_REWARD_MARGIN, title=N_("Reward margin, validation"), lower_is_better=False),
    Series(name=VALIDATION_REWARD_ACCURACY, title=N_("Reward accuracy, validation"), unit=SHARE, lower_is_better=False),
)
HELD_OUT = (
    VALIDATION_LOSS,
    VALIDATION_ACCURACY,
    VALIDATION_REWARD_MARGIN,
    VALIDATION_REWARD_ACCURACY,
)  # measured on rows that were not trained on
FURTHER = tuple(each.name for each in SERIES if each.name not in LOSSES)
# What Hugging Face's Trainer, and TRL's on it, call them. Its `entropy` and its counters are left out.
TRAINER_NAMES = {
    "loss": TRAIN_LOSS,
    "eval_loss": VALIDATION_LOSS,
    "learning_rate": LEARNING_RATE,
    "grad_norm": GRAD_NORM,
    "mean_token_accuracy": TRAIN_ACCURACY,
    "eval_mean_token_accuracy": VALIDATION_ACCURACY,
    "rewards/margins": REWARD_MARGIN,
    "rewards/accuracies": REWARD_ACCURACY,
    "eval_rewards/margins": VALIDATION_REWARD_MARGIN,
    "eval_rewards/accuracies": VALIDATION_REWARD_ACCURACY,
}


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
