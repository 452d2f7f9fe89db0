"""What can be fine-tuned, as data: a base model with its methods, knobs and lifecycle."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.domain.hyperparameters import HyperparameterSpec, Preset
from app.domain.money import Money
from app.domain.profiles import Ability

RETIRING_SOON = timedelta(days=90)  # the least time between deprecation and retirement at Azure: a page tells by then


class LifecycleStatus(StrEnum):
    """Where a model is in its life."""

    ACTIVE = "active"
    RETIRING = "retiring"  # still to be trained, but its end is announced
    RETIRED = "retired"  # nothing new can be trained from it


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """How long a model may be trained and served, with the source and the date of that knowledge.

    `status`: `active`, `retiring` (its end is announced) or `retired`.
    `train_until` and `serve_until` are the first days on which it can no longer be done. `replacement` is the id of
    another model on the same connection. `note` is whatever else is to be known.
    """

    status: str = LifecycleStatus.ACTIVE.value
    train_until: date | None = None
    serve_until: date | None = None
    replacement: str | None = None
    source: str | None = None
    as_of: date | None = None
    note: str = ""

    def on(self, day: date) -> "Lifecycle":
        """Return it with the status that its dates give on a day; without dates the status is kept."""
        if self.train_until is None:
            return self
        status = LifecycleStatus.RETIRED if day >= self.train_until else LifecycleStatus.RETIRING
        return replace(self, status=status.value)

    @property
    def is_ending(self) -> bool:
        """Whether its end is announced or has come."""
        return self.status != LifecycleStatus.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogModel:
    """One base model on one connection. `context_length` in tokens, `size_bytes` of its weights.

    `regions` are those in which it can be fine-tuned, `serve_regions` those in which it can be served; empty where
    that is no question. `takes_seed`: a run can be repeated by its seed. `prices` by meter: `training`, `input` and
    `output` a million tokens, `hosting` an hour; what is unknown is absent. `known_from` says where the knowledge is
    from, `as_of` of which day it is.
    """

    id: str
    name: str
    publisher: str
    connection: str
    summary: str = ""
    family: str = ""
    licence: str = ""
    methods: Sequence[str] = ("sft",)
    task_types: Sequence[str] = ("chat_completion",)
    context_length: int | None = None
    parameters: int | None = None
    size_bytes: int | None = None
    takes_seed: bool = True
    hyperparameters: Sequence[HyperparameterSpec] = ()
    presets: Sequence[Preset] = ()
    lifecycle: Lifecycle = Lifecycle()
    regions: Sequence[str] = ()
    serve_regions: Sequence[str] = ()
    prices: Mapping[str, Money] = field(default_factory=dict)
    known_from: str = ""
    source: str | None = None
    as_of: date | None = None
    usable: bool = True
    unusable_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogState:
    """How fresh a looked-up catalog is. `fetched_at` None: never; `data_as_of` the oldest fact of the data files.

    `problem` is why the last look-up failed, "" if it did not.
    """

    fetched_at: datetime | None
    refreshing: bool
    data_as_of: date | None
    problem: str = ""


class LooksUpModels(Ability):
    """A backend's ability to look its catalog up at the provider, beside what it knows by itself."""

    @abstractmethod
    def catalog_state(self) -> CatalogState:
        """Return how fresh the looked-up catalog is. Calls nobody."""

    @abstractmethod
    def refresh_catalog(self) -> None:
        """Begin to look it up again, in the background; once at a time."""
