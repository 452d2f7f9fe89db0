"""The REST reference as pages, made from the document that programs read."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.actors import Action
from app.domain.errors import or_not_found
from app.http.dependencies import may_do
from app.services.scope import Scope
from app.web.rendering import page
from app.web.views import reference as view

router = APIRouter(include_in_schema=False)
Reads = Annotated[Scope, may_do(Action.READ, "openapi")]


@router.get("/reference")
def index(request: Request, scope: Reads) -> Response:
    """All resources, each with its operations in a line."""
    return page(request, scope, "reference/index.html", {"resources": _resources(request)})


@router.get("/reference/{resource}")
def show(request: Request, scope: Reads, resource: str) -> Response:
    """One resource: what each operation takes, answers, and how it is called."""
    known = _resources(request)
    found = or_not_found(next((each for each in known if each.name == resource), None), "resource", resource)
    return page(request, scope, "reference/resource.html", {"resource": found, "resources": known})


def _resources(request: Request) -> list[view.Resource]:
    return view.resources(request.app.openapi(), str(request.base_url).rstrip("/"))
