"""The palette as a page of links, for browsers without scripts."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.http.dependencies import may
from app.services import overview
from app.services.scope import Scope
from app.web.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/commands")
def commands(request: Request, scope: Annotated[Scope, may(overview.counts)]) -> Response:
    """Every place and act as one link each."""
    return page(request, scope, "commands.html", {})
