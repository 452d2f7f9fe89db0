"""A wish that failed, told inside the frame: what happened, what was kept, what to do, and the request's id."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.domain.errors import DomainError
from app.http.actor import accounts_of, actor_of
from app.http.problems import ProblemDocument
from app.services.scope import Scopes
from app.web.entry import SignInView, sign_in_page
from app.web.layout import Frame, bare_frame, frame_of, path_of
from app.web.rendering import asks_for_part, element_id, own_path, sentence, templates
from app.web.views.parts import FieldError

_SIGN_IN = "sign-in-needed"
# The entry of the rail under which an address stands that is not named like it.
_SECTIONS = {"wizard": "jobs", "evaluations": "models", "connections": "settings", "projects": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """What templates/error.html shows."""

    title: str
    detail: str
    fix: str
    errors: Sequence[FieldError]
    request_id: str
    section: str
    back: str


def problem_page(request: Request, problem: ProblemDocument) -> HTMLResponse:
    """Render a problem, with the figures and projects around it where they can be had."""
    if problem.kind == _SIGN_IN and accounts_of(request) is not None:
        return _entry(request, problem)
    errors = [FieldError(field=element_id(each.pointer), message=sentence(each)) for each in problem.problems]
    view = ProblemView(
        title=problem.title,
        detail="" if errors else problem.detail,
        fix=problem.fix,
        errors=errors,
        request_id=problem.request_id,
        section=_SECTIONS.get(request.url.path.split("/")[1], request.url.path.split("/")[1]),
        back=_before(request),
    )
    frame = _frame(request, problem)
    return HTMLResponse(templates().render("error.html", {"frame": frame, "problem": view}), problem.status)


def _frame(request: Request, problem: ProblemDocument) -> Frame:
    """Return the frame of any page for whoever may see it; a bare one where that cannot be had.

    What nobody foresaw may be the database's own failure: such a page asks it nothing, so as not to fail in its turn.
    """
    scopes: Scopes = request.app.state.scopes
    bare = bare_frame(request, scopes.app_context.clock.now())
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return bare
    try:
        with scopes.open(actor_of(request)) as scope:
            return replace(frame_of(request, scope), flash=())  # a word about an act is kept for the next page
    except DomainError:
        return bare


def _entry(request: Request, problem: ProblemDocument) -> HTMLResponse:
    """Return the sign-in page in the place of what somebody unknown asked for, and lead back to it afterwards."""
    here = path_of(request)
    after = here if request.method == "GET" and not asks_for_part(request) else _before(request) or "/"
    accounts = accounts_of(request)
    ended = accounts is not None and accounts.cookie in request.cookies
    response = sign_in_page(request, SignInView(after=own_path(after), ended=ended))
    response.status_code = problem.status
    if asks_for_part(request):
        response.headers["hx-redirect"] = "/sign-in"
    return response


def _before(request: Request) -> str:
    """Return the page of this site from which somebody came here; empty where that is unknown, or this one."""
    came = urlsplit(request.headers.get("referer", ""))
    if came.netloc != request.url.netloc or came.path == request.url.path:
        return ""
    return own_path(f"{came.path}?{came.query}" if came.query else came.path)
