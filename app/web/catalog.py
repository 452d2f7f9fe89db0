"""The catalog: what can be fine-tuned, and where."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.edge.fields import Id
from app.services import catalog, connections
from app.web.rendering import Reading, page

router = APIRouter()


@router.get("/catalog")
def index(
    request: Request,
    scope: Reading,
    q: Annotated[str, Query(max_length=200)] = "",
    connection: Id | None = None,
    method: Annotated[str | None, Query(max_length=20)] = None,
) -> Response:
    """Base models, searched and filtered."""
    context = {
        "models": catalog.search(scope, connection=connection, query=q, method=method or None),
        "connections": connections.list_connections(scope),
        "query": q,
        "connection": connection,
        "method": method or "",
    }
    return page(request, scope, "catalog/index.html", context)
