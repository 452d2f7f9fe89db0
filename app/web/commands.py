"""The palette as a page of links, for browsers without scripts."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.web.rendering import Reading, page

router = APIRouter(include_in_schema=False)


@router.get("/commands")
def commands(request: Request, scope: Reading) -> Response:
    """Every place and act as one link each."""
    return page(request, scope, "commands.html", {})
