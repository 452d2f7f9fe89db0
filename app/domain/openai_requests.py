"""A fine-tuning job as OpenAI's clients ask for it, and what of it is kept because our own words cannot say it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import Method

METHODS = {"supervised": Method.SFT, "dpo": Method.DPO}
WORDS = {method: word for word, method in METHODS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What is asked for. Files are ids of datasets; hyperparameters are numbers or "auto".

    `more` and `options` are hyperparameters and options that only TuneDesk has, by its own names.
    """

    model: str
    training_file: str
    validation_file: str | None = None
    method: Method = Method.SFT
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    suffix: str | None = None
    seed: int | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    more: Mapping[str, Hyperparameter] = field(default_factory=dict)
    options: Mapping[str, Hyperparameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRequest:
    """What a job answers as it was asked: the model's name, and hyperparameters that became others here."""

    model: str
    suffix: str | None = None
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
