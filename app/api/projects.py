"""REST on projects."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.api.answers import CREATED, NO_CONTENT, answer, nothing, page
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.projects import DecisionIn, ProjectIn, ProjectOut, ProjectPatch
from app.domain.projects import DecisionRecord
from app.http.dependencies import may
from app.http.fields import Paging
from app.services import projects
from app.services.scope import Scope

router = noun("projects", asks=False)


@router.get("", response_model=list_of(ProjectOut))
def list_projects(scope: Annotated[Scope, may(projects.list_projects)], paging: Annotated[Paging, Query()]) -> Response:
    """The projects, newest first."""
    return page(ProjectOut, projects.list_projects(scope, limit=paging.limit, cursor=paging.cursor))


@router.post("", response_model=ProjectOut, status_code=CREATED)
def create_project(scope: Annotated[Scope, may(projects.create)], body: ProjectIn) -> Response:
    """Make a project."""
    return answer(ProjectOut, projects.create(scope, body.name, body.description), CREATED)


@router.get("/{identifier}", response_model=ProjectOut)
def get_project(scope: Annotated[Scope, may(projects.get)], identifier: PathId) -> Response:
    """One project."""
    return answer(ProjectOut, projects.get(scope, identifier))


@router.patch("/{identifier}", response_model=ProjectOut)
def change_project(scope: Annotated[Scope, may(projects.update)], identifier: PathId, body: ProjectPatch) -> Response:
    """Change a project's name or description."""
    return answer(ProjectOut, projects.update(scope, identifier, name=body.name, description=body.description))


@router.delete("/{identifier}", status_code=NO_CONTENT)
def delete_project(scope: Annotated[Scope, may(projects.delete)], identifier: PathId) -> Response:
    """Remove an empty project."""
    projects.delete(scope, identifier)
    return nothing()


@router.put("/{identifier}/decision", response_model=ProjectOut)
def record_decision(scope: Annotated[Scope, may(projects.decide)], identifier: PathId, body: DecisionIn) -> Response:
    """Record why fine-tuning is the way: the lesson's questions."""
    return answer(ProjectOut, projects.decide(scope, identifier, DecisionRecord(**body.model_dump())))
