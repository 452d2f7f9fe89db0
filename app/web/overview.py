"""The overview: what needs somebody, what runs, what is hosted, and how the last jobs ended."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.http.dependencies import may
from app.services import overview
from app.services.scope import Scope
from app.web.layout import counted_frame
from app.web.rendering import fragment, list_page, templates
from app.web.views import overview as view

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request, scope: Annotated[Scope, may(overview.summary)]) -> Response:
    """The way in: first steps on a fresh installation, the state of things on one in use."""
    return await list_page(request, scope, "overview/index.html", lambda: _context(scope), part="overview/_live.html")


@router.get("/meter")
async def meter(request: Request, scope: Annotated[Scope, may(overview.counts)]) -> Response:
    """The top bar's figures, 304 while nothing has been written: what every open page asks for."""

    def render() -> str:
        return templates().render("_meter.html", {"frame": counted_frame(request, scope)})

    return await fragment(request, scope, ("meter", scope.actor.sees), render)


def _context(scope: Scope) -> Mapping[str, object]:
    summary = overview.summary(scope)
    return {
        "summary": summary,
        "attention": view.attention(summary.attention),
        "finished": view.finished(summary.finished),
        "moving": view.moving(summary),
        "kinds": scope.backends.kinds,
    }
