"""Settings: runtime environments, connections, the theme, and what this installation is."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.actors import Action
from app.http.dependencies import may, may_do
from app.services import connections, projects, runtimes
from app.services.scope import Scope
from app.web.layout import PROJECT_COOKIE, THEME_COOKIE, THEMES
from app.web.rendering import Fields, own_path, page, see_other
from app.web.views import projects as view

router = APIRouter(include_in_schema=False)
_YEAR_S = 365 * 24 * 3600


@router.get("/settings")
def show(
    request: Request,
    scope: Annotated[Scope, may(runtimes.all_of_them)],
    log: Annotated[bool, Query()] = False,  # noqa: FBT002 -- a query
) -> Response:
    """Everything an owner may look at or change."""
    context = {
        "runtimes": runtimes.all_of_them(scope),
        "logs": runtimes.logs(scope) if log else {},
        "connections": [connections.shown(scope, each) for each in connections.list_connections(scope)],
        "version": scope.app_context.version,
        "data_dir": str(scope.files.root),
    }
    return page(request, scope, "settings/index.html", context, part="settings/_runtimes.html")


@router.post("/settings/runtimes")
def install(scope: Annotated[Scope, may(runtimes.install)], form: Fields) -> Response:
    """Install a runtime environment, or try again."""
    runtimes.install(scope, form.get("name", ""), allow_cuda=form.get("allow_cuda") == "yes")
    return see_other("/settings#runtimes", "installing")


@router.post("/settings/theme")
def theme(_scope: Annotated[Scope, may_do(Action.WRITE, "theme")], form: Fields) -> Response:
    """Remember the theme in this browser."""
    wanted = form.get("theme", "")
    response = see_other(own_path(form.get("next", "/")))
    response.set_cookie(
        THEME_COOKIE, wanted if wanted in THEMES else THEMES[0], max_age=_YEAR_S, path="/", samesite="lax"
    )
    return response


@router.post("/settings/project")
def choose_project(scope: Annotated[Scope, may(projects.find)], form: Fields) -> Response:
    """Show the work of one project alone from now on, or of all again, in this browser."""
    chosen = projects.find(scope, form.get("project", ""))
    response = see_other(view.after_choosing(own_path(form.get("next", "/")), chosen))
    if chosen is None:
        response.delete_cookie(PROJECT_COOKIE, path="/")
    else:
        response.set_cookie(PROJECT_COOKIE, chosen.id, max_age=_YEAR_S, path="/", httponly=True, samesite="lax")
    return response
