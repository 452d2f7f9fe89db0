"""What can be fine-tuned, as data: a base model with its methods, knobs and lifecycle."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.hyperparameters import HyperparameterSpec, Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """How long a model may be trained and served, with the source and the date of that knowledge."""

    status: str = "active"  # active | retiring | retired
    train_until: date | None = None
    serve_until: date | None = None
    replacement: str | None = None
    source: str | None = None
    as_of: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogModel:
    """One base model on one connection. `context_length` in tokens, `size_bytes` of its weights."""

    id: str
    name: str
    publisher: str
    connection: str
    summary: str = ""
    licence: str = ""
    methods: Sequence[str] = ("sft",)
    task_types: Sequence[str] = ("chat_completion",)
    context_length: int | None = None
    parameters: int | None = None
    size_bytes: int | None = None
    hyperparameters: Sequence[HyperparameterSpec] = ()
    presets: Sequence[Preset] = ()
    lifecycle: Lifecycle = Lifecycle()
    regions: Sequence[str] = ()
    usable: bool = True
    unusable_reason: str = ""
