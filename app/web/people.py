"""People of the installation, for its administrators, and the people of a project, for its own."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.actors import ProjectRole, Role
from app.domain.errors import DomainError
from app.http.dependencies import may
from app.http.fields import Id
from app.services import members, people, projects
from app.services.people import Code
from app.services.scope import Scope
from app.web.rendering import Fields, field_errors, page, see_other, status_of
from app.web.views.parts import FieldError

router = APIRouter(include_in_schema=False)
_PEOPLE = "/settings/people"


@router.get(_PEOPLE)
def show(request: Request, scope: Annotated[Scope, may(people.list_people)]) -> Response:
    """Everybody who has an account."""
    return _people_page(request, scope)


@router.post(_PEOPLE)
def invite(request: Request, scope: Annotated[Scope, may(people.invite)], form: Fields) -> Response:
    """Make an account, and show its one-time code this once: hence no redirect."""
    try:
        code = people.invite(scope, form.get("name", ""), administers=form.get("administers") == "on")
    except DomainError as error:
        return _people_page(request, scope, errors=field_errors(error), status=status_of(error))
    return _people_page(request, scope, code=code)


@router.post(_PEOPLE + "/{person}/code")
def new_code(request: Request, scope: Annotated[Scope, may(people.new_code)], person: Id) -> Response:
    """Show a code for a new password, this once."""
    return _people_page(request, scope, code=people.new_code(scope, person))


@router.post(_PEOPLE + "/{person}/administers")
def set_administers(scope: Annotated[Scope, may(people.set_administers)], person: Id, form: Fields) -> Response:
    """Make somebody an administrator, or one no longer."""
    people.set_administers(scope, person, administers=form.get("administers") == "yes")
    return see_other(_PEOPLE, "person_saved")


@router.post(_PEOPLE + "/{person}/disable")
def disable(scope: Annotated[Scope, may(people.disable)], person: Id) -> Response:
    """Let somebody in no longer, from now on."""
    people.disable(scope, person)
    return see_other(_PEOPLE, "person_disabled")


@router.post(_PEOPLE + "/{person}/enable")
def enable(scope: Annotated[Scope, may(people.enable)], person: Id) -> Response:
    """Let somebody in again."""
    people.enable(scope, person)
    return see_other(_PEOPLE, "person_saved")


@router.post(_PEOPLE + "/{person}/sign-out")
def sign_out(scope: Annotated[Scope, may(people.end_sessions)], person: Id) -> Response:
    """Sign somebody out of every browser, from now on; they can sign in again."""
    people.end_sessions(scope, person)
    return see_other(_PEOPLE, "person_signed_out")


@router.get("/projects/{project}/people")
def show_members(request: Request, scope: Annotated[Scope, may(members.list_members)], project: Id) -> Response:
    """Who is what in a project."""
    return _members_page(request, scope, project)


@router.post("/projects/{project}/people")
def set_role(request: Request, scope: Annotated[Scope, may(members.set_role)], project: Id, form: Fields) -> Response:
    """Let somebody be viewer, member or admin."""
    try:
        members.set_role(scope, project, form.get("name", "").strip(), form.get("role", ""))
    except DomainError as error:
        errors, status = field_errors(error), status_of(error)
        return _members_page(request, scope, project, errors=errors, status=status, name=form.get("name", ""))
    return see_other(f"/projects/{project}/people", "person_saved")


@router.post("/projects/{project}/people/{person}/remove")
def remove_member(scope: Annotated[Scope, may(members.remove)], project: Id, person: Id) -> Response:
    """Let somebody be nothing in the project any more."""
    members.remove(scope, project, person)
    return see_other(f"/projects/{project}/people", "member_removed")


def _people_page(
    request: Request, scope: Scope, *, code: Code | None = None, errors: Sequence[FieldError] = (), status: int = 200
) -> Response:
    context = {
        "people": people.list_people(scope),
        "me": scope.actor.id,
        "code": code,
        "welcome": f"{str(request.base_url).rstrip('/')}/welcome",
        "errors": errors,
    }
    return page(request, scope, "people/index.html", context, status=status)


def _members_page(
    request: Request,
    scope: Scope,
    project: str,
    *,
    errors: Sequence[FieldError] = (),
    status: int = 200,
    name: str = "",
) -> Response:
    actor = scope.actor
    administers = actor.role is not Role.PERSON or actor.projects.get(project) is ProjectRole.ADMIN
    context = {
        "project": projects.get(scope, project),
        "members": members.list_members(scope, project),
        "me": actor.id if actor.role is Role.PERSON else "",
        "administers": administers,
        "roles": list(ProjectRole),
        "errors": errors,
        "name": name,
    }
    return page(request, scope, "people/members.html", context, status=status)
