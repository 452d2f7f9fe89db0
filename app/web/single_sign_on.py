"""Signing in with a directory: out to it, back from it, and the page for whom it knows and this installation does not.

All of it begins with a link: a form's answer may lead a browser nowhere else than here (`form-action`).
"""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.domain.errors import NotFound, ProviderFailed, SignInFailed, TooManyTries
from app.http.dependencies import may_enter
from app.http.refusals import note_sign_in
from app.services import single_sign_on
from app.services.scope import Scope
from app.services.single_sign_on import BEGUN_LIVES, Answer, Stranger
from app.web.entry import Few, SignInView, accounts_here, answered, sign_in_page, with_session
from app.web.layout import bare_frame
from app.web.rendering import SEE_OTHER, field_errors, own_path, see_other, templates
from app.web.views.parts import FieldError

router = APIRouter(include_in_schema=False)
ADDRESS = "/sign-in/single-sign-on"
_BACK = f"{ADDRESS}/callback"
_BEGUN, _STRANGER = "-begun", "-stranger"
_UNAUTHORIZED = 401
Given = Annotated[str, Query(max_length=4000)]


@router.get(ADDRESS)
def begin(
    request: Request,
    scope: Annotated[Scope, may_enter(single_sign_on.begin)],
    after: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """Send the browser to the directory, with a cookie by which its answer is known to be this browser's."""
    try:
        begun = single_sign_on.begin(scope, _here(request, _BACK), own_path(after))
    except (ProviderFailed, TooManyTries) as error:
        view = SignInView(after=own_path(after), error=f"{error.message} {error.fix}")
        return sign_in_page(request, view, error)
    response = RedirectResponse(begun.address, SEE_OTHER)
    return _with_cookie(request, response, _BEGUN, begun.cookie)


@router.get(_BACK)
def come_back(
    request: Request,
    scope: Annotated[Scope, may_enter(single_sign_on.finish)],
    state: Given = "",
    code: Given = "",
    error: Given = "",
    iss: Given = "",
) -> Response:
    """Let in whom the answer is about; to whom has no account, say so and offer to enter a one-time code."""
    accounts = accounts_here(request)
    cookie = request.cookies.get(accounts.cookie + _BEGUN, "")
    answer = Answer(cookie=cookie, state=state, code=code, error=error, issuer=iss)
    try:
        found = single_sign_on.finish(scope, request.app.state.scopes, answer, accounts.where(request))
    except (SignInFailed, ProviderFailed, TooManyTries) as problem:
        note_sign_in(request, scope, "single_sign_on.finish", problem)
        page = sign_in_page(request, SignInView(error=f"{problem.message} {problem.fix}"), problem)
        return _without_cookie(request, page, _BEGUN)
    if isinstance(found, Stranger):
        page = _stranger_page(request, found.name, status=_UNAUTHORIZED)
        return _with_cookie(request, _without_cookie(request, page, _BEGUN), _STRANGER, found.cookie)
    response = with_session(see_other(own_path(found.after)), accounts, found.secret)
    return _without_cookie(request, response, _BEGUN)


@router.post(f"{ADDRESS}/connect")
def connect(request: Request, scope: Annotated[Scope, may_enter(single_sign_on.connect)], form: Few) -> Response:
    """Connect whoever has just come from the directory with the account that a one-time code was made for."""
    accounts = accounts_here(request)
    cookie = request.cookies.get(accounts.cookie + _STRANGER, "")
    try:
        found = single_sign_on.connect(
            scope, request.app.state.scopes, cookie, form.get("code", ""), accounts.where(request)
        )
    except (SignInFailed, TooManyTries) as problem:
        note_sign_in(request, scope, "single_sign_on.connect", problem)
        return answered(_stranger_page(request, "", errors=field_errors(problem)), problem)
    return _without_cookie(request, with_session(see_other("/"), accounts, found.secret), _STRANGER)


@router.get(f"{ADDRESS}/out")
def sign_out_there(request: Request, scope: Annotated[Scope, may_enter(single_sign_on.sign_out_address)]) -> Response:
    """Lead a browser that is signed out here to where the directory signs it out, too."""
    try:
        address = single_sign_on.sign_out_address(scope, _here(request, "/sign-in"))
    except (NotFound, ProviderFailed, TooManyTries):
        address = None
    return RedirectResponse(address or "/sign-in", SEE_OTHER)


def _here(request: Request, path: str) -> str:
    """Return an address of ours as browsers see it; the guard has looked at the Host."""
    scheme = "https" if accounts_here(request).secure else "http"
    return f"{scheme}://{request.headers['host']}{path}"


def _stranger_page(
    request: Request, name: str, *, errors: list[FieldError] | None = None, status: int = 200
) -> HTMLResponse:
    frame = bare_frame(request, request.app.state.scopes.app_context.clock.now())
    context = {"frame": frame, "name": name, "errors": errors or [], "action": f"{ADDRESS}/connect"}
    return HTMLResponse(templates().render("entry/stranger.html", context), status)


def _with_cookie(request: Request, response: Response, ending: str, value: str) -> Response:
    """Give the browser a cookie for the minutes that signing in takes; the answer brings it along (SameSite=Lax)."""
    accounts = accounts_here(request)
    lives = int(BEGUN_LIVES.total_seconds())
    response.set_cookie(
        accounts.cookie + ending,
        value,
        max_age=lives,
        path="/",
        secure=accounts.secure,
        httponly=True,
        samesite="lax",
    )
    return response


def _without_cookie(request: Request, response: Response, ending: str) -> Response:
    accounts = accounts_here(request)
    name = accounts.cookie + ending
    response.delete_cookie(name, path="/", secure=accounts.secure, httponly=True, samesite="lax")
    return response
