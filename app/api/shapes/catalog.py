"""Base models as REST sees them."""

from datetime import date

from app.api.shapes.common import MoneyOut
from app.domain.hyperparameters import Hyperparameter, HyperparameterType
from app.edge.fields import Answer


class HyperparameterOut(Answer):
    """One knob: its range (both ends included unless `exclusive_minimum`), default and help."""

    name: str
    label: str
    type: HyperparameterType
    default: Hyperparameter
    auto: bool
    minimum: float | None
    maximum: float | None
    exclusive_minimum: bool
    choices: list[str]
    help: str
    unit: str
    advanced: bool
    option: bool
    methods: list[str]


class PresetOut(Answer):
    """A named set of values."""

    id: str
    label: str
    help: str
    values: dict[str, Hyperparameter]


class LifecycleOut(Answer):
    """How long a model may be trained and served."""

    status: str
    train_until: date | None
    serve_until: date | None
    replacement: str | None
    source: str | None
    as_of: date | None


class CatalogModelOut(Answer):
    """One base model on one connection."""

    id: str
    name: str
    publisher: str
    connection: str
    summary: str
    licence: str
    methods: list[str]
    task_types: list[str]
    context_length: int | None
    parameters: int | None
    size_bytes: int | None
    hyperparameters: list[HyperparameterOut]
    presets: list[PresetOut]
    lifecycle: LifecycleOut
    regions: list[str]
    prices: dict[str, MoneyOut] | None = None
    usable: bool
    unusable_reason: str
