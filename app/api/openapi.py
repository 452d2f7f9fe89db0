"""The API's own description."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from app.domain.actors import Action
from app.http.dependencies import allowed
from app.http.problems import MEDIA_TYPE
from app.http.strict_route import StrictRoute
from app.services.scope import Scope

router = APIRouter(route_class=StrictRoute)
Reads = Annotated[Scope, Depends(allowed(Action.READ, "openapi"), scope="function")]

_API = "/api/"
_DESCRIPTION = (
    "Fine-tune, evaluate, deploy and clean up language models. Lists answer `items` and `next`; failures answer "
    "`application/problem+json` with a sentence and its remedy; every POST that may cost money takes an "
    "`Idempotency-Key`."
)


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, scope: Reads) -> Response:
    """The description of everything under /api, as OpenAPI 3.1."""
    document = describe_api(request.app.routes, scope.app_context.version)
    return Response(orjson.dumps(document), media_type="application/json")


def describe_api(routes: Any, version: str) -> dict[str, Any]:  # noqa: ANN401 -- FastAPI's own kinds of routes
    """Return the OpenAPI document of the API among `routes`."""
    document = get_openapi(title="TuneDesk", version=version, description=_DESCRIPTION, routes=routes)
    document["paths"] = {path: item for path, item in document["paths"].items() if path.startswith(_API)}
    for item in document["paths"].values():
        for operation in item.values():
            _as_problem(operation["responses"].get("default", {}))
    return document


def _as_problem(response: dict[str, Any]) -> None:
    """FastAPI describes every answer of a route with the route's own media type; problems have theirs."""
    content = response.get("content", {})
    for media_type in list(content):
        content[MEDIA_TYPE] = content.pop(media_type)
