"""The overview: what needs somebody, what runs, what is hosted, and how the last jobs ended."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.http.dependencies import may
from app.services import overview
from app.services.scope import Scope
from app.web.rendering import page
from app.web.views import overview as view

router = APIRouter(include_in_schema=False)


@router.get("/")
def index(request: Request, scope: Annotated[Scope, may(overview.summary)]) -> Response:
    """The way in: first steps on a fresh installation, the state of things on one in use."""
    summary = overview.summary(scope)
    context = {
        "summary": summary,
        "attention": view.attention(summary.attention),
        "finished": view.finished(summary.finished),
        "moving": view.moving(summary),
        "kinds": scope.backends.kinds,
    }
    return page(request, scope, "overview/index.html", context, part="overview/_live.html")
