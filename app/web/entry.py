"""Coming in and going out: the sign-in page, the page for one-time codes, and the cookie of a session."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.domain.errors import DomainError, Invalid, Problem, SignInFailed, TooManyTries, or_not_found
from app.domain.people import SESSION_LIFE
from app.http.actor import Accounts, accounts_of
from app.http.dependencies import may, may_enter
from app.http.problems import describe
from app.http.refusals import note_sign_in
from app.services import account, entering
from app.services.scope import Scope
from app.web.i18n import gettext as _
from app.web.layout import bare_frame
from app.web.rendering import field_errors, own_path, see_other, templates

router = APIRouter(include_in_schema=False)
_MOST_FIELDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInView:
    """What templates/entry/sign_in.html shows."""

    after: str = "/"
    name: str = ""
    error: str = ""
    leaving: bool = False  # signed out here; the directory knows nothing of it
    ended: bool = False  # the browser brought a session that is over


async def _few_fields(request: Request) -> AsyncIterator[Mapping[str, str]]:
    """Read a form of nobody known: a few fields, and no files."""
    async with request.form(max_fields=_MOST_FIELDS, max_files=0) as form:
        yield _texts(form)


def _texts(form: FormData) -> Mapping[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


Few = Annotated[Mapping[str, str], Depends(_few_fields)]


@router.get("/sign-in")
def ask_who(
    request: Request,
    _scope: Annotated[Scope, may_enter(entering.sign_in)],
    after: Annotated[str, Query(alias="next", max_length=2000)] = "/",
    out: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Who are you?"""
    return sign_in_page(request, SignInView(after=own_path(after), leaving=bool(out)))


@router.post("/sign-in")
def sign_in(request: Request, scope: Annotated[Scope, may_enter(entering.sign_in)], form: Few) -> Response:
    """Let in whoever has that name and password, and send them on to where they wanted."""
    name, after = form.get("name", ""), own_path(form.get("next", "/"))
    accounts = accounts_here(request)
    try:
        secret = entering.sign_in(
            scope, request.app.state.scopes, name, form.get("password", ""), accounts.where(request)
        )
    except (SignInFailed, TooManyTries) as error:
        note_sign_in(request, scope, "entering.sign_in", error)
        return sign_in_page(request, SignInView(after=after, name=name, error=f"{error.message} {error.fix}"), error)
    return with_session(see_other(after), accounts, secret)


@router.get("/welcome")
def ask_for_code(request: Request, _scope: Annotated[Scope, may_enter(entering.redeem)]) -> Response:
    """A one-time code, and a password of one's own."""
    return _welcome(request, ())


@router.post("/welcome")
def redeem(request: Request, scope: Annotated[Scope, may_enter(entering.redeem)], form: Few) -> Response:
    """Give whoever holds a code the password that they choose, and let them in."""
    accounts, password = accounts_here(request), form.get("password", "")
    try:
        _check_same(password, form.get("again", ""))
        secret = entering.redeem(
            scope, request.app.state.scopes, form.get("code", ""), password, accounts.where(request)
        )
    except (Invalid, SignInFailed, TooManyTries) as error:
        note_sign_in(request, scope, "entering.redeem", error)
        return _welcome(request, field_errors(error), error)
    return with_session(see_other("/"), accounts, secret)


@router.post("/sign-out")
def sign_out(request: Request, scope: Annotated[Scope, may(account.sign_out)]) -> Response:
    """End the session that asks."""
    elsewhere = not account.has_password(scope) and scope.app_context.sign_on is not None
    account.sign_out(scope)
    response = see_other("/sign-in?out=1" if elsewhere else "/sign-in")
    accounts = accounts_of(request)
    if accounts is not None:
        response.delete_cookie(accounts.cookie, path="/", secure=accounts.secure, httponly=True, samesite="lax")
    return response


def sign_in_page(request: Request, view: SignInView, error: DomainError | None = None) -> HTMLResponse:
    """Return the sign-in page; without a look into the database, as it stands for whatever nobody unknown may see."""
    app_context = request.app.state.scopes.app_context
    frame = bare_frame(request, app_context.clock.now())
    directory = "" if app_context.sign_on is None else app_context.sign_on.directory.name
    context = {"frame": frame, "view": view, "directory": directory}
    return answered(HTMLResponse(templates().render("entry/sign_in.html", context)), error)


def _check_same(password: str, again: str) -> None:
    if password != again:
        problem = Problem("/again", "differs", _("The two passwords differ."), _("Enter the same one twice."))
        raise Invalid([problem])


def _welcome(request: Request, errors: object, error: DomainError | None = None) -> HTMLResponse:
    frame = bare_frame(request, request.app.state.scopes.app_context.clock.now())
    return answered(HTMLResponse(templates().render("entry/welcome.html", {"frame": frame, "errors": errors})), error)


def answered(page: HTMLResponse, error: DomainError | None) -> HTMLResponse:
    """Give a page the status and the headers of what went wrong."""
    if error is not None:
        problem = describe(error)
        page.status_code = problem.status
        page.headers.update(problem.headers)
    return page


def with_session(response: Response, accounts: Accounts, secret: str) -> Response:
    """Give the browser its session: scripts do not see it, other sites' forms do not send it."""
    response.set_cookie(
        accounts.cookie,
        secret,
        max_age=int(SESSION_LIFE.total_seconds()),
        path="/",
        secure=accounts.secure,
        httponly=True,
        samesite="lax",
    )
    return response


def accounts_here(request: Request) -> Accounts:
    """Return what is to be known of accounts.

    Raises:
        NotFound: there are none.
    """
    return or_not_found(accounts_of(request), "account", "")
