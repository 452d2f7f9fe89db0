"""REST on people and their ways in, for the administrators of the installation, and on a project's people."""

from typing import Annotated

from starlette.responses import Response

from app.api.answers import CREATED, NO_CONTENT, answer, listing, nothing
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.people import (
    CodeOut,
    MemberIn,
    MemberOut,
    PersonIn,
    PersonOut,
    PersonPatch,
    SessionOut,
    TokenOut,
)
from app.http.dependencies import may
from app.services import members, people
from app.services.scope import Scope

router = noun("people", asks=False)
members_router = noun("projects", asks=False)


@router.get("", response_model=list_of(PersonOut))
def list_people(scope: Annotated[Scope, may(people.list_people)]) -> Response:
    """Everybody who has an account, by name."""
    return listing(PersonOut, people.list_people(scope))


@router.post("", response_model=CodeOut, status_code=CREATED)
def invite_person(scope: Annotated[Scope, may(people.invite)], body: PersonIn) -> Response:
    """Make an account; the answer holds the one-time code with which its person comes in, this once."""
    return answer(CodeOut, people.invite(scope, body.name, administers=body.administers), CREATED)


@router.get("/{identifier}", response_model=PersonOut)
def get_person(scope: Annotated[Scope, may(people.get)], identifier: PathId) -> Response:
    """Somebody with an account."""
    return answer(PersonOut, people.get(scope, identifier))


@router.patch("/{identifier}", response_model=PersonOut)
def change_person(scope: Annotated[Scope, may(people.change)], identifier: PathId, body: PersonPatch) -> Response:
    """Make somebody an administrator or one no longer, let them in no longer or again; never oneself."""
    return answer(PersonOut, people.change(scope, identifier, administers=body.administers, disabled=body.disabled))


@router.delete("/{identifier}", status_code=NO_CONTENT)
def remove_person(scope: Annotated[Scope, may(people.remove)], identifier: PathId) -> Response:
    """Forget a disabled account with its roles and tokens; what its person made stays."""
    people.remove(scope, identifier)
    return nothing()


@router.post("/{identifier}/code", response_model=CodeOut, status_code=CREATED)
def make_code(scope: Annotated[Scope, may(people.new_code)], identifier: PathId) -> Response:
    """Make a one-time code for a new password; the one before no longer works."""
    return answer(CodeOut, people.new_code(scope, identifier), CREATED)


@router.get("/{identifier}/projects", response_model=list_of(MemberOut))
def list_projects_of_person(scope: Annotated[Scope, may(people.memberships)], identifier: PathId) -> Response:
    """What somebody is in which project."""
    return listing(MemberOut, people.memberships(scope, identifier))


@router.get("/{identifier}/sessions", response_model=list_of(SessionOut))
def list_sessions_of_person(scope: Annotated[Scope, may(people.sessions)], identifier: PathId) -> Response:
    """Where somebody is signed in."""
    return listing(SessionOut, people.sessions(scope, identifier))


@router.delete("/{identifier}/sessions", status_code=NO_CONTENT)
def end_sessions_of_person(scope: Annotated[Scope, may(people.end_sessions)], identifier: PathId) -> Response:
    """Sign somebody out everywhere."""
    people.end_sessions(scope, identifier)
    return nothing()


@router.get("/{identifier}/tokens", response_model=list_of(TokenOut))
def list_tokens_of_person(scope: Annotated[Scope, may(people.tokens)], identifier: PathId) -> Response:
    """Somebody's tokens, without their secrets."""
    return listing(TokenOut, people.tokens(scope, identifier))


@router.delete("/{identifier}/tokens/{token}", status_code=NO_CONTENT)
def revoke_token_of_person(
    scope: Annotated[Scope, may(people.revoke_token)], identifier: PathId, token: PathId
) -> Response:
    """Let somebody's token open nothing any more."""
    people.revoke_token(scope, identifier, token)
    return nothing()


@members_router.get("/{identifier}/members", response_model=list_of(MemberOut))
def list_members(scope: Annotated[Scope, may(members.list_members)], identifier: PathId) -> Response:
    """The people of a project, by name."""
    return listing(MemberOut, members.list_members(scope, identifier))


@members_router.put("/{identifier}/members", response_model=MemberOut)
def set_member(scope: Annotated[Scope, may(members.set_role)], identifier: PathId, body: MemberIn) -> Response:
    """Let somebody be viewer, member or admin of a project; never oneself."""
    return answer(MemberOut, members.set_role(scope, identifier, body.name, body.role))


@members_router.delete("/{identifier}/members/{person}", status_code=NO_CONTENT)
def remove_member(scope: Annotated[Scope, may(members.remove)], identifier: PathId, person: PathId) -> Response:
    """Let somebody be nothing in a project any more; never oneself."""
    members.remove(scope, identifier, person)
    return nothing()
