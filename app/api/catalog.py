"""REST on the catalog."""

from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from app.api.answers import LOOKING_UP, NO_CONTENT, listing, nothing
from app.api.routing import PathId, noun
from app.api.shapes.catalog import CatalogStateOut
from app.api.shapes.common import list_of
from app.domain.catalog import CatalogModel
from app.http import fields
from app.http.dependencies import may
from app.http.fields import Id, Line, described
from app.services import catalog, connections
from app.services.scope import Scope

router = noun("catalog")


class CatalogQuery(fields.Query):
    """Which base models."""

    connection: Id | None = None
    q: Line = Field("", description="Words that must all stand in the name, the publisher or the summary.")
    method: Line | None = Field(None, description="`sft` or `dpo`.")
    id: Annotated[Line, described(minLength=1)] | None = Field(
        None, description="One model by its id, also one that no list shows (`path:/…`, `hf:org/name`)."
    )


@router.get("", response_model=list_of(CatalogModel), responses=LOOKING_UP)
def search_catalog(scope: Annotated[Scope, may(catalog.search)], wanted: Annotated[CatalogQuery, Query()]) -> Response:
    """The base models that can be fine-tuned, with their methods, knobs and lifecycle."""
    if wanted.id is not None:
        connection = wanted.connection or connections.default_id(scope)
        return listing(CatalogModel, [catalog.model(scope, connection, wanted.id, pointer="?id")])
    found = catalog.search(scope, connection=wanted.connection, query=wanted.q, method=wanted.method)
    return listing(CatalogModel, found)


@router.get("/freshness", response_model=list_of(CatalogStateOut))
def get_catalog_freshness(scope: Annotated[Scope, may(catalog.freshness)]) -> Response:
    """When the catalogs were looked up that are looked up at a provider, and how old their data files are."""
    return listing(CatalogStateOut, [CatalogStateOut.of(each) for each in catalog.freshness(scope)])


@router.post("/refresh/{identifier}", status_code=NO_CONTENT)
def refresh_catalog(scope: Annotated[Scope, may(catalog.refresh)], identifier: PathId) -> Response:
    """Begin to look a connection's catalog up again; once at a time."""
    catalog.refresh(scope, identifier)
    return nothing()
