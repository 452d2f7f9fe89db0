"""The engine's page: is it well, what does it try again, and what is left that nobody needs."""

from typing import Annotated, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import NotFound
from app.http.dependencies import may
from app.http.ticks import tick_age_s
from app.services import engine_health, orphan_runs
from app.services.scope import Scope
from app.web.rendering import Fields, page, see_other

router = APIRouter(include_in_schema=False)
# What can be tried again now, and where its page is.
_PAGES = {
    "jobs": "/jobs",
    "deployments": "/deployments",
    "evaluations": "/evaluations",
    "models": "/models",
    "connections": "/connections",
    "lifeboats": "/lifeboats",
    "webhook_messages": "/settings/webhooks/messages",
}


@router.get("/settings/engine")
def show(request: Request, scope: Annotated[Scope, may(engine_health.health)]) -> Response:
    """How the engine is."""
    return page(request, scope, "settings/engine.html", _context(request, scope), part="settings/_engine.html")


@router.post("/settings/engine/look")
def look(scope: Annotated[Scope, may(engine_health.look_now)], form: Fields) -> Response:
    """Try again now, and show the thing."""
    table, identifier = form.get("table", ""), form.get("id", "")
    if table not in _PAGES:
        raise NotFound("table", table)
    engine_health.look_now(scope, table, identifier)
    return see_other(f"{_PAGES[table]}/{identifier}", "looking")


@router.post("/settings/engine/clear")
def clear(scope: Annotated[Scope, may(orphan_runs.clear)], form: Fields) -> Response:
    """Stop or remove what nobody needs."""
    orphan_runs.clear(scope, form.get("tag", ""))
    return see_other("/settings/engine", "cleared")


def _context(request: Request, scope: Scope) -> dict[str, Any]:
    health = engine_health.health(scope)
    return {
        "health": health,
        "held": health.held,
        "retrying": health.retrying,
        "beat_s": tick_age_s(request, scope.now()),
    }
