"""From a template's name and values to an answer, and from a form to fields: the two ends of every page's route."""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from fastapi import Depends
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.domain.errors import DomainError, Invalid, Problem
from app.http.actor import actor_of
from app.http.fragments import Fragments
from app.http.problems import describe
from app.services import catalog
from app.services.scope import Scope
from app.web.flash import NOTICE_COOKIE
from app.web.i18n import gettext as _
from app.web.layout import PROJECT_COOKIE, counted_frame, frame_of, path_of
from app.web.templating import Templates
from app.web.views.parts import FieldError

_ROOT = Path(__file__).resolve().parents[2]
_MAX_FIELDS = 400
_NOTICE_SECONDS = 60
SEE_OTHER = 303
NOT_MODIFIED = 304
ASK_AGAIN = "ask-again-ms"  # the header; Retry-After knows whole seconds only
UNPROCESSABLE = 422


@cache
def templates() -> Templates:
    """Return the templates of this checkout, compiled once."""
    return Templates(_ROOT / "templates", _ROOT / "static")


def page(
    request: Request,
    scope: Scope,
    name: str,
    context: Mapping[str, object],
    *,
    part: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    """Render a page, or only its `part` when htmx asks for a fragment (`HX-Request-Type: partial`).

    Boosted navigation asks for whole pages, so the same address serves both; `Vary` says so.
    """
    fragment = part is not None and asks_for_part(request)
    frame = frame_of(request, scope)
    known = {"frame": frame, "base_name": catalog.BaseNames(scope), "profiles": scope.backends.profiles}
    text = templates().render(part if fragment and part else name, {**known, **context})
    response = HTMLResponse(text, status, headers={"vary": "HX-Request-Type"})
    if frame.flash and not fragment:
        response.delete_cookie(NOTICE_COOKIE, path="/")
    return response


async def list_page(
    request: Request, scope: Scope, name: str, context: Callable[[], Mapping[str, object]], *, part: str
) -> Response:
    """Render the page of a list, or its `part` with the top bar's figures."""
    if not asks_for_part(request):
        return await to_thread.run_sync(lambda: page(request, scope, name, context()))

    def render() -> str:
        frame = counted_frame(request, scope)
        listed = bytes(page(request, scope, name, context(), part=part).body).decode()
        return listed + templates().render("_meter_again.html", {"frame": frame})

    key = (part, path_of(request), scope.actor.sees, request.cookies.get(PROJECT_COOKIE, ""))
    answer = await fragment(request, scope, key, render)
    answer.headers["vary"] = "HX-Request-Type"
    return answer


async def fragment(request: Request, scope: Scope, key: tuple[str, ...], render: Callable[[], str]) -> Response:
    """Answer with what `render` writes, once for all who ask under the same key, and with when to ask again.

    Whoever shows that already (`If-None-Match`) is told that nothing changed.
    """
    fragments: Fragments = request.app.state.fragments
    part = await fragments.get(key, scope.changes, render, request.headers.get("if-none-match"))
    headers = {"etag": str(part.version), ASK_AGAIN: str(round(part.ask_again_s * 1000))}
    if part.content is None:
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return HTMLResponse(part.content, headers=headers)


def asks_for_part(request: Request) -> bool:
    """Tell whether htmx asks for a part of a page."""
    return request.headers.get("hx-request-type") == "partial"


def see_other(address: str, notice: str | None = None) -> RedirectResponse:
    """Send the reader on after an act (303, so that a reload repeats nothing), with a word about it."""
    response = RedirectResponse(address, SEE_OTHER)
    if notice is not None:
        response.set_cookie(NOTICE_COOKIE, notice, max_age=_NOTICE_SECONDS, path="/", httponly=True, samesite="lax")
    return response


def own_path(address: str) -> str:
    """Return an address of this site; anything that could lead elsewhere becomes the overview."""
    elsewhere = not address.startswith("/") or address.startswith(("//", "/\\"))
    odd = "\\" in address or any(ord(character) < 33 for character in address)  # noqa: PLR2004 -- controls and space
    return "/" if elsewhere or odd else address


async def _form(request: Request) -> AsyncIterator[FormData]:
    actor_of(request)  # nobody unknown makes this installation read
    async with request.form(max_fields=_MAX_FIELDS) as form:  # closes what was uploaded, wanted or not
        yield form


async def _fields(form: Annotated[FormData, Depends(_form)]) -> Mapping[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


Fields = Annotated[Mapping[str, str], Depends(_fields)]
Form = Annotated[FormData, Depends(_form)]


def upload_of(form: FormData, name: str) -> UploadFile:
    """Return an uploaded file.

    Raises:
        Invalid: when no file was chosen.
    """
    value = form.get(name)
    if not isinstance(value, UploadFile) or not value.filename:
        raise Invalid([Problem(f"/{name}", "missing", _("No file was chosen."), _("Choose a JSON Lines file."))])
    return value


def element_id(pointer: str) -> str:
    """Return the id of the field that a JSON pointer names: `/validation/ratio` is `validation-ratio`."""
    return pointer.strip("/").replace("/", "-")


def sentence(problem: Problem) -> str:
    """Return what is wrong and how to fix it, in one breath."""
    return f"{problem.message} {problem.fix}".strip()


def sentence_of(error: DomainError) -> str:
    """Return what happened and what to do, in one breath."""
    if isinstance(error, Invalid):
        return " ".join(sentence(each) for each in error.problems)
    return f"{error.message} {error.fix}".strip()


def field_errors(error: DomainError) -> list[FieldError]:
    """Return an error's problems as links to fields; an error without fields stands for the form as a whole."""
    if isinstance(error, Invalid):
        return [FieldError(field=element_id(each.pointer), message=sentence(each)) for each in error.problems]
    return [FieldError(field="", message=sentence_of(error))]


def status_of(error: DomainError) -> int:
    """Return the status that a page with this error is sent with."""
    return describe(error).status
