"""One's own account: password, sessions, tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.actors import TokenScope
from app.domain.errors import DomainError
from app.http.dependencies import may
from app.http.fields import Id
from app.http.refusals import note_sign_in
from app.services import account, projects
from app.services.account import NewToken
from app.services.scope import Scope
from app.web.rendering import Fields, field_errors, page, see_other, status_of
from app.web.views.parts import FieldError

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the page says back: a token's secret this once, or what was wrong."""

    made: NewToken | None = None
    errors: Sequence[FieldError] = ()
    status: int = 200


@router.get("/account")
def show(request: Request, scope: Annotated[Scope, may(account.sessions)]) -> Response:
    """Where one is signed in, what one is in which project, and what programs may do in one's name."""
    return _page(request, scope, Said())


@router.post("/account/password")
def change_password(request: Request, scope: Annotated[Scope, may(account.change_password)], form: Fields) -> Response:
    """Change the password; every other session ends."""
    try:
        account.change_password(scope, request.app.state.scopes, form.get("old", ""), form.get("new", ""))
    except DomainError as error:
        note_sign_in(request, scope, "account.change_password", error)
        return _page(request, scope, _wrong(error))
    return see_other("/account", "password_changed")


@router.post("/account/sessions/{identifier}/end")
def end_session(scope: Annotated[Scope, may(account.end_session)], identifier: Id) -> Response:
    """Sign out there."""
    account.end_session(scope, identifier)
    return see_other("/account#sessions", "session_ended")


@router.post("/account/tokens")
def make_token(request: Request, scope: Annotated[Scope, may(account.make_token)], form: Fields) -> Response:
    """Make a token and show it, this once: hence no redirect."""
    days = form.get("days", "")
    try:
        made = account.make_token(
            scope,
            form.get("name", ""),
            reach=form.get("scope", ""),
            days=int(days) if days.isdecimal() and len(days) < 6 else None,  # noqa: PLR2004 -- no number is that long
            project=form.get("project") or None,
        )
    except DomainError as error:
        return _page(request, scope, _wrong(error))
    return _page(request, scope, Said(made=made))


@router.post("/account/tokens/{identifier}/revoke")
def revoke_token(scope: Annotated[Scope, may(account.revoke_token)], identifier: Id) -> Response:
    """Let a token open nothing any more."""
    account.revoke_token(scope, identifier)
    return see_other("/account#tokens", "token_revoked")


def _wrong(error: DomainError) -> Said:
    return Said(errors=field_errors(error), status=status_of(error))


def _page(request: Request, scope: Scope, said: Said) -> Response:
    context = {
        "said": said,
        "has_password": account.has_password(scope),
        "sessions": account.sessions(scope),
        "here": scope.actor.session,
        "tokens": account.tokens(scope),
        "roles": account.roles(scope),
        "names": projects.names(scope),
        "scopes": list(TokenScope),
    }
    return page(request, scope, "account/index.html", context, status=said.status)
