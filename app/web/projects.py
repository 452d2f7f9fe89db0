"""Pages of projects, with the decision record."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import Invalid
from app.domain.projects import DecisionRecord
from app.http.dependencies import may
from app.http.fields import Id
from app.services import datasets, jobs, models, projects
from app.services.scope import Scope
from app.web.rendering import UNPROCESSABLE, Fields, field_errors, page, see_other
from app.web.views.parts import FieldError

router = APIRouter(include_in_schema=False)
_SHOWN = 8


@router.get("/projects")
def index(
    request: Request,
    scope: Annotated[Scope, may(projects.list_projects)],
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """All projects, and a form for a new one."""
    listed = projects.list_projects(scope, cursor=cursor)
    return page(request, scope, "projects/index.html", {"page": listed, "errors": [], "values": {}})


@router.post("/projects")
def create(request: Request, scope: Annotated[Scope, may(projects.create)], form: Fields) -> Response:
    """Make a project and go to it."""
    try:
        made = projects.create(scope, form.get("name", ""), form.get("description", ""))
    except Invalid as error:
        context = {"page": projects.list_projects(scope), "errors": field_errors(error), "values": form}
        return page(request, scope, "projects/index.html", context, status=UNPROCESSABLE)
    return see_other(f"/projects/{made.id}", "project_saved")


@router.get("/projects/{project}")
def show(request: Request, scope: Annotated[Scope, may(projects.get)], project: Id) -> Response:
    """One project: what it is for, its decision record, its jobs, datasets and models."""
    return _project_page(request, scope, project, errors=(), status=200)


@router.post("/projects/{project}")
def save(request: Request, scope: Annotated[Scope, may(projects.update)], project: Id, form: Fields) -> Response:
    """Change the name and the description."""
    try:
        projects.update(scope, project, name=form.get("name", ""), description=form.get("description", ""))
    except Invalid as error:
        return _project_page(request, scope, project, errors=field_errors(error), status=UNPROCESSABLE)
    return see_other(f"/projects/{project}", "project_saved")


@router.post("/projects/{project}/decision")
def decide(request: Request, scope: Annotated[Scope, may(projects.decide)], project: Id, form: Fields) -> Response:
    """Record why fine-tuning is the way."""
    names = DecisionRecord.__dataclass_fields__
    try:
        projects.decide(scope, project, DecisionRecord(**{name: form.get(name, "") for name in names}))
    except Invalid as error:
        return _project_page(request, scope, project, errors=field_errors(error), status=UNPROCESSABLE)
    return see_other(f"/projects/{project}", "decision_saved")


@router.post("/projects/{project}/delete")
def delete(scope: Annotated[Scope, may(projects.delete)], project: Id) -> Response:
    """Remove an empty project."""
    projects.delete(scope, project)
    return see_other("/projects", "project_deleted")


def _project_page(
    request: Request, scope: Scope, identifier: str, *, errors: Sequence[FieldError], status: int
) -> Response:
    project = projects.get(scope, identifier)
    context = {
        "project": project,
        "jobs": jobs.list_jobs(scope, project=identifier, limit=_SHOWN).items,
        "datasets": datasets.list_datasets(scope, project=identifier, limit=_SHOWN).items,
        "models": models.list_models(scope, project=identifier, limit=_SHOWN).items,
        "uses": projects.uses(scope, identifier),
        "errors": errors,
    }
    return page(request, scope, "projects/project.html", context, status=status)
