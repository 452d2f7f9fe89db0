"""What is known about Azure without asking it: the data files beside this module, read once, each fact with its source.

The files are made by people from Microsoft's documentation. `as_of` is the day that a source speaks of (its own date
where it has one), so that a page can say how old a fact is.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from app.domain.prices import Price, Quota

DATA = Path(__file__).resolve().parent / "data"
F = TypeVar("F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something known from a source. `as_of`: the day that the source speaks of."""

    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class FactOfModel(Fact):
    """Something known about the model of a registry."""

    registry: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFact(FactOfModel):
    """What a model is. Parameters as a count, context in tokens; None where no source tells."""

    family: str
    publisher: str
    summary: str
    licence: str | None
    parameters: int | None
    context_length: int | None
    task_types: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFact(FactOfModel):
    """Where a model is fine-tuned and served serverless."""

    train: tuple[str, ...]
    serve: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedFact(FactOfModel):
    """How a model is fine-tuned on one's own quota."""

    version: str
    instance_types: tuple[str, ...]
    learning_rate: float
    learning_rate_minimum: float | None
    learning_rate_maximum: float | None
    batch_size: int
    archived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFact(Fact):
    """An instance type's GPUs, and what each can do at its peak (10^12 dense 16-bit operations a second)."""

    name: str
    gpus: int
    gpu: str
    tflops: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How a container is asked whether it lives, or is ready. Times in seconds."""

    failure_threshold: int
    success_threshold: int
    timeout_s: int
    period_s: int
    initial_delay_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingFact(Fact):
    """How a model starts and answers on a managed online endpoint; without a probe Azure's own is left."""

    registry: str
    tuned: bool
    request_timeout_s: int
    liveness: Probe | None
    readiness: Probe | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleFact(FactOfModel):
    """Stages of a model's end, for one way of training: the first day of each."""

    way: str
    legacy: date | None
    deprecated: date | None
    retired: date | None
    replacement: str | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperparameterFact(Fact):
    """What people set: our name, the portal's label, the key on the wire; `default` None leaves it to Azure."""

    way: str
    name: str
    label: str
    wire: str
    type: str
    minimum: float
    maximum: float
    default: float | None
    help: str


@cache
def _read(name: str, kind: type[F]) -> tuple[F, ...]:
    file: Any = msgspec.json.decode((DATA / f"{name}.json").read_bytes())
    return tuple(msgspec.convert(entry, kind) for entry in file["entries"])


def models() -> tuple[ModelFact, ...]:
    """Return what the models are."""
    return _read("models", ModelFact)


def regions() -> tuple[RegionFact, ...]:
    """Return where models are fine-tuned and served serverless."""
    return _read("regions", RegionFact)


def managed() -> tuple[ManagedFact, ...]:
    """Return what is fine-tuned on managed compute, and on which machines."""
    return _read("managed", ManagedFact)


def machines() -> tuple[MachineFact, ...]:
    """Return the instance types whose GPUs are known."""
    return _read("machines", MachineFact)


def servings() -> tuple[ServingFact, ...]:
    """Return how language models start and answer, the first one that fits first."""
    return _read("serving", ServingFact)


def serving(registry: str, *, tuned: bool) -> ServingFact:
    """Return how a registry's models, or models tuned from them, start and answer on managed online endpoints."""
    return next(each for each in servings() if each.tuned == tuned and each.registry in {registry, ""})


def lifecycles() -> tuple[LifecycleFact, ...]:
    """Return what has ended or will."""
    return _read("lifecycle", LifecycleFact)


def hyperparameters() -> tuple[HyperparameterFact, ...]:
    """Return what can be set, by way of training."""
    return _read("hyperparameters", HyperparameterFact)


def prices() -> tuple[Price, ...]:
    """Return what is billed; without an amount nobody could source it, and `look_up` says where to look."""
    return _read("prices", Price)


def limits() -> tuple[Quota, ...]:
    """Return the limits that hold for everybody."""
    return _read("limits", Quota)


def oldest() -> date:
    """Return the day of the oldest fact about models, regions, lifecycles and hyperparameters."""
    kinds: tuple[tuple[Fact, ...], ...] = (models(), regions(), managed(), lifecycles(), hyperparameters())
    return min(fact.as_of for facts in kinds for fact in facts)
