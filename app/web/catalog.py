"""The catalog: what can be fine-tuned, and where."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.http.dependencies import may
from app.http.fields import Id
from app.services import catalog, connections
from app.services.scope import Scope
from app.web.rendering import Fields, page, see_other
from app.web.views import catalog as view

router = APIRouter(include_in_schema=False)


@router.get("/catalog")
def index(
    request: Request,
    scope: Annotated[Scope, may(catalog.search)],
    q: Annotated[str, Query(max_length=200)] = "",
    connection: Id | None = None,
    method: Annotated[str | None, Query(max_length=20)] = None,
) -> Response:
    """Base models, searched and filtered."""
    models = catalog.search(scope, connection=connection, query=q, method=method or None)
    others = catalog.search(scope)  # a replacement need not have the words that were searched for
    names = {each.id: each.name for each in connections.list_connections(scope)}
    context = {
        "models": [view.shown(each, others, names, scope.now().date()) for each in models],
        "freshness": catalog.freshness(scope),
        "connections": connections.list_connections(scope),
        "query": q,
        "connection": connection,
        "method": method or "",
    }
    return page(request, scope, "catalog/index.html", context)


@router.post("/catalog/refresh")
def refresh(scope: Annotated[Scope, may(catalog.refresh)], form: Fields) -> Response:
    """Begin to look a catalog up again."""
    catalog.refresh(scope, form.get("connection", ""))
    return see_other("/catalog#freshness", "catalog_refreshing")
