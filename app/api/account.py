"""REST on one's own account. A token reads it; what changes it is asked for with a session, as from one's browser."""

from typing import Annotated

from starlette.responses import Response

from app.api.answers import CREATED, NO_CONTENT, answer, listing, nothing
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.people import MemberOut, NewTokenOut, OwnAccountOut, SessionOut, TokenIn, TokenOut
from app.http.dependencies import may
from app.services import account
from app.services.scope import Scope

router = noun("account", asks=False)


@router.get("", response_model=OwnAccountOut)
def get_own_account(scope: Annotated[Scope, may(account.roles)]) -> Response:
    """Who asks, and what they may."""
    actor = scope.actor
    found = OwnAccountOut(
        id=actor.id,
        name=str(actor),
        role=actor.role,
        token=actor.token,
        projects=[MemberOut.model_validate(each) for each in account.roles(scope)],
    )
    return answer(OwnAccountOut, found)


@router.get("/sessions", response_model=list_of(SessionOut))
def list_sessions(scope: Annotated[Scope, may(account.sessions)]) -> Response:
    """Where one is signed in."""
    return listing(SessionOut, account.sessions(scope))


@router.delete("/sessions/{identifier}", status_code=NO_CONTENT)
def end_session(scope: Annotated[Scope, may(account.end_session)], identifier: PathId) -> Response:
    """Sign out there."""
    account.end_session(scope, identifier)
    return nothing()


@router.get("/tokens", response_model=list_of(TokenOut))
def list_tokens(scope: Annotated[Scope, may(account.tokens)]) -> Response:
    """One's tokens, without their secrets."""
    return listing(TokenOut, account.tokens(scope))


@router.post("/tokens", response_model=NewTokenOut, status_code=CREATED)
def make_token(scope: Annotated[Scope, may(account.make_token)], body: TokenIn) -> Response:
    """Make a token; the answer holds its secret, this once. No token makes another one."""
    made = account.make_token(scope, body.name, reach=body.scope, days=body.days, project=body.project)
    return answer(NewTokenOut, made, CREATED)


@router.delete("/tokens/{identifier}", status_code=NO_CONTENT)
def revoke_token(scope: Annotated[Scope, may(account.revoke_token)], identifier: PathId) -> Response:
    """Let a token open nothing any more."""
    account.revoke_token(scope, identifier)
    return nothing()
