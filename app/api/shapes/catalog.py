"""How fresh catalogs are, as REST sees it."""

from datetime import date, datetime

from pydantic import Field

from app.http.fields import ResponseModel
from app.services.catalog import Freshness


class CatalogStateOut(ResponseModel):
    """How fresh a connection's catalog is."""

    connection: str
    fetched_at: datetime | None = Field(description="Null: never; then the data files alone count.")
    refreshing: bool
    data_as_of: date | None = Field(description="The day on which the catalog data was last checked in full.")
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
