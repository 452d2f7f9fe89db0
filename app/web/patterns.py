"""The living style guide: every component on one page, with rehearsal data; and the palette as a page of links."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.web.rendering import Reading, page
from app.web.views import style_guide

router = APIRouter(include_in_schema=False)


@router.get("/patterns")
def patterns(request: Request, scope: Reading) -> Response:
    """Every component once."""
    return page(request, scope, "patterns.html", style_guide.context(scope.now()))


@router.get("/patterns/metrics.json")
def metrics(_scope: Reading) -> Response:
    """The made-up curves of the style guide's chart."""
    return JSONResponse({"items": style_guide.metrics_items()})


@router.get("/commands")
def commands(request: Request, scope: Reading) -> Response:
    """Every place and act as one link each: the palette for browsers without scripts."""
    return page(request, scope, "commands.html", {})
