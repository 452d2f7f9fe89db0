"""What is known about Azure without asking it: the data files beside this module, read once, each fact with its source.

The files are made by people from Microsoft's documentation. `as_of` is the day that a source speaks of (its own date
where it has one), so that a page can say how old a fact is.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

DATA = Path(__file__).resolve().parent / "data"
F = TypeVar("F")


class _Dated(Protocol):
    @property
    def as_of(self) -> date: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFact:
    """What a model is. Parameters as a count, context in tokens; None where no source tells."""

    registry: str
    name: str
    family: str
    publisher: str
    summary: str
    licence: str | None
    parameters: int | None
    context_length: int | None
    task_types: tuple[str, ...]
    methods: tuple[str, ...]
    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFact:
    """Where a model is fine-tuned and served serverless."""

    registry: str
    name: str
    train: tuple[str, ...]
    serve: tuple[str, ...]
    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedFact:
    """How a model is fine-tuned on one's own quota. `smallest`: cores|GPUs|GiB of memory|GiB of disk."""

    registry: str
    name: str
    version: str
    instance_types: tuple[str, ...]
    smallest: str
    learning_rate: float
    learning_rate_minimum: float | None
    learning_rate_maximum: float | None
    batch_size: int
    archived: bool
    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFact:
    """An instance type's GPUs, and what each can do at its peak (10^12 dense 16-bit operations a second)."""

    name: str
    gpus: int
    gpu: str
    tflops: float
    tflops_source: str
    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleFact:
    """Stages of a model's end, for one way of training: the first day of each."""

    way: str
    registry: str
    name: str
    legacy: date | None
    deprecated: date | None
    retired: date | None
    replacement: str | None
    note: str
    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperparameterFact:
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
    label_source: str
    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFact:
    """A price; without an amount nobody could source it, and `look_up` says where to look."""

    id: str
    label: str
    kind: str
    unit: str
    model: str
    amount: str | None
    currency: str
    region: str
    note: str
    source: str | None
    as_of: date | None
    look_up: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFact:
    """A limit that holds for everybody."""

    id: str
    label: str
    limit: float
    unit: str
    note: str
    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFact:
    """What a built-in role may do in a hub project."""

    role: str
    trains: bool
    deploys: bool
    makes_hubs: bool
    makes_projects: bool
    note: str
    source: str
    as_of: date


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


def lifecycles() -> tuple[LifecycleFact, ...]:
    """Return what has ended or will."""
    return _read("lifecycle", LifecycleFact)


def hyperparameters() -> tuple[HyperparameterFact, ...]:
    """Return what can be set, by way of training."""
    return _read("hyperparameters", HyperparameterFact)


def prices() -> tuple[PriceFact, ...]:
    """Return what is billed."""
    return _read("prices", PriceFact)


def limits() -> tuple[LimitFact, ...]:
    """Return the limits that hold for everybody."""
    return _read("limits", LimitFact)


def roles() -> tuple[RoleFact, ...]:
    """Return what built-in roles may do."""
    return _read("roles", RoleFact)


def oldest() -> date:
    """Return the day of the oldest fact about models, regions, lifecycles and hyperparameters."""
    kinds: tuple[tuple[_Dated, ...], ...] = (models(), regions(), managed(), lifecycles(), hyperparameters())
    return min(fact.as_of for facts in kinds for fact in facts)
