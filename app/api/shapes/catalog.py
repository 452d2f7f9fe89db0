"""Base models as REST sees them."""

from datetime import date, datetime

from pydantic import Field

from app.api.shapes.common import MoneyOut
from app.domain.hyperparameters import HyperparameterSpec, Preset
from app.http.fields import ResponseModel
from app.services.catalog import Freshness


class LifecycleOut(ResponseModel):
    """How long a model may be trained and served: the first days on which it no longer can, and where that is from."""

    status: str = Field(description="`active`, `retiring` (its end is announced) or `retired`.")
    train_until: date | None
    serve_until: date | None
    replacement: str | None = Field(description="The id of a model on the same connection.")
    source: str | None
    as_of: date | None
    note: str


class CatalogModelOut(ResponseModel):
    """One base model on one connection."""

    id: str
    name: str
    publisher: str
    connection: str
    summary: str
    family: str
    licence: str
    methods: list[str]
    task_types: list[str]
    context_length: int | None
    parameters: int | None
    size_bytes: int | None
    takes_seed: bool
    hyperparameters: list[HyperparameterSpec]
    presets: list[Preset]
    lifecycle: LifecycleOut
    regions: list[str] = Field(description="Where it can be fine-tuned; empty where that is no question.")
    serve_regions: list[str]
    prices: dict[str, MoneyOut] = Field(
        description="By meter: `training`, `input`, `output` a million tokens, `hosting` an hour; unknown: absent."
    )
    known_from: str
    source: str | None
    as_of: date | None
    usable: bool
    unusable_reason: str


class CatalogStateOut(ResponseModel):
    """How fresh a connection's catalog is."""

    connection: str
    fetched_at: datetime | None = Field(description="Null: never; then the data files alone count.")
    refreshing: bool
    data_as_of: date | None = Field(description="The oldest fact of the data files.")
    stale: bool = Field(description="Whether that is older than 60 days.")
    problem: str

    @classmethod
    def of(cls, found: Freshness) -> "CatalogStateOut":
        """Return it in its shape."""
        state = found.state
        return cls(
            connection=found.connection.id,
            fetched_at=state.fetched_at,
            refreshing=state.refreshing,
            data_as_of=state.data_as_of,
            stale=found.stale,
            problem=state.problem,
        )
