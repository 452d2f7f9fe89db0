"""Training metrics as columns, and checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass

TRAIN_LOSS = "train_loss"
VALIDATION_LOSS = "validation_loss"
LEARNING_RATE = "learning_rate"
TOKENS_PER_SECOND = "tokens_per_second"
GRAD_NORM = "grad_norm"
LOSSES = (TRAIN_LOSS, VALIDATION_LOSS)
SHARE = "share"  # the unit of what lies between 0 and 1
N_ = str  # marks a text for pybabel; the pages translate it


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series that has a name for people: its title, its unit where it has one, and which way is better, if any.

    `trainer` is what Hugging Face's Trainer, or TRL's on it, calls it; `held_out`: measured on rows not trained on.
    """

    name: str
    title: str
    trainer: str = ""
    unit: str = ""
    lower_is_better: bool | None = None
    held_out: bool = False


# Every series that is known, in the order in which it is shown. A backend may report others by names of its own; the
# Trainer's `entropy` and its counters are left out.
# Of preferences (DPO), a margin is the chosen answer's implicit reward minus the rejected one's, and an accuracy the
# share of pairs in which that is above 0 (Rafailov et al. 2023).
SERIES = (
    Series(name=TRAIN_LOSS, title=N_("Training loss"), trainer="loss", lower_is_better=True),
    Series(
        name=VALIDATION_LOSS,
        title=N_("Validation loss"),
        trainer="eval_loss",
        lower_is_better=True,
        held_out=True,
    ),
    Series(name=LEARNING_RATE, title=N_("Learning rate"), trainer="learning_rate"),
    Series(name=TOKENS_PER_SECOND, title=N_("Tokens a second"), unit="tokens/s"),
    Series(name=GRAD_NORM, title=N_("Gradient norm"), trainer="grad_norm"),
    Series(
        name="train_token_accuracy",
        title=N_("Token accuracy"),
        trainer="mean_token_accuracy",
        unit=SHARE,
        lower_is_better=False,
    ),
    Series(
        name="validation_token_accuracy",
        title=N_("Token accuracy, validation"),
        trainer="eval_mean_token_accuracy",
        unit=SHARE,
        lower_is_better=False,
        held_out=True,
    ),
    Series(name="reward_margin", title=N_("Reward margin"), trainer="rewards/margins", lower_is_better=False),
    Series(
        name="reward_accuracy",
        title=N_("Reward accuracy"),
        trainer="rewards/accuracies",
        unit=SHARE,
        lower_is_better=False,
    ),
    Series(
        name="validation_reward_margin",
        title=N_("Reward margin, validation"),
        trainer="eval_rewards/margins",
        lower_is_better=False,
        held_out=True,
    ),
    Series(
        name="validation_reward_accuracy",
        title=N_("Reward accuracy, validation"),
        trainer="eval_rewards/accuracies",
        unit=SHARE,
        lower_is_better=False,
        held_out=True,
    ),
)
HELD_OUT = tuple(each.name for each in SERIES if each.held_out)
FURTHER = tuple(each.name for each in SERIES if each.name not in LOSSES)
TRAINER_NAMES = {each.trainer: each.name for each in SERIES if each.trainer}


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
