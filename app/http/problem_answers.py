"""Every exception that may reach the edge, turned into a problem: a document for programs, a page for people."""

import logging
from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.domain.errors import DomainError, Forbidden, Invalid, Problem, no_room
from app.http.application import GuardedApp
from app.http.guard import wants_json
from app.http.idempotency import AlreadyAnswered
from app.http.openai_errors import openai_error, speaks_openai
from app.http.plain_page import plain_page
from app.http.problems import MEDIA_TYPE, ProblemDocument, describe
from app.http.refusals import note_forbidden
from app.http.validation import field_problems
from app.kit.paging import BadCursor

log = logging.getLogger(__name__)

PageRenderer = Callable[[Request, ProblemDocument], Response]

_UNEXPECTED = "unexpected"
_WRONG_METHOD = 405
_TOO_LARGE = 413
_CLIENT_GONE = 499  # nginx's number for a client that hung up; nobody reads this answer
_HTTP: dict[int, tuple[str, str, str]] = {
    400: ("Not understood", "The request could not be read.", "Check its form."),
    404: ("Not found", "There is nothing at this address.", "Check the address, or start from the overview."),
    405: ("Not possible here", "This address does not take this method.", "The header Allow names those it takes."),
}
_OTHER = ("Not possible", "The request could not be granted.", "Check the address, the method and the body.")
_TYPES: tuple[type[Exception], ...] = (
    DomainError,
    RequestValidationError,
    BadCursor,
    HTTPException,
    OSError,
    Exception,
)


def answer_problems(app: GuardedApp, page: PageRenderer | None = None) -> None:
    """Let `app` answer every failure as a problem; `page` renders those of pages, else a plain page does."""

    # Async, so that telling of a failure never waits for a free worker thread.
    async def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == _WRONG_METHOD:
            error = HTTPException(_WRONG_METHOD, headers={"Allow": ", ".join(app.methods_at(request.scope))})
        problem = problem_of(error, request_id(request))
        _log_if_unexpected(request, problem, error)
        if isinstance(error, Forbidden):
            await to_thread.run_sync(note_forbidden, request, error, limiter=CapacityLimiter(1))
        if speaks_openai(request.url.path):
            failure = openai_error(problem, error)
            return Response(failure.as_json(), failure.status, failure.all_headers)
        return await _render(request, problem, page)

    for kind in _TYPES:
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(AlreadyAnswered, _stored)
    app.add_exception_handler(ClientDisconnect, _nobody_listens)


def problem_under_way(error: Exception, request: Request) -> ProblemDocument:
    """Return what an exception is told as once the answer has begun; what nobody foresaw is logged."""
    problem = problem_of(error, request_id(request))
    _log_if_unexpected(request, problem, error)
    return problem


def _log_if_unexpected(request: Request, problem: ProblemDocument, error: Exception) -> None:
    if problem.kind == _UNEXPECTED:
        log.error("%s: %s %s", problem.request_id, request.method, request.url.path, exc_info=error)


def problem_of(error: Exception, identifier: str) -> ProblemDocument:
    """Return what any exception is told as; `identifier` is the request's."""
    if isinstance(error, RequestValidationError) and all(detail["loc"][0] == "path" for detail in error.errors()):
        error = HTTPException(404)  # an id that cannot be one names nothing
    if isinstance(error, HTTPException):
        return _http_problem(error, identifier)
    known = _domain_error(error)
    return _unexpected_problem(identifier) if known is None else describe(known, request_id=identifier)


def _domain_error(error: Exception) -> DomainError | None:
    match error:
        case DomainError():
            return error
        case RequestValidationError():
            return Invalid(field_problems(error.errors()))
        case BadCursor():
            message = "The cursor is none that this list has given out."
            fix = "Use the `next` of the page before, or leave it out to begin."
            return Invalid([Problem("?cursor", "cursor", message, fix)])
        case OSError():
            return no_room(error)
        case _:
            return None


def request_id(request: Request) -> str:
    """Return the id that the guard gave the request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


async def _render(request: Request, problem: ProblemDocument, page: PageRenderer | None) -> Response:
    if wants_json(request.url.path):
        return Response(problem.as_json(), problem.status, dict(problem.headers), MEDIA_TYPE)
    if page is None:
        return Response(plain_page(problem), problem.status, dict(problem.headers), "text/html; charset=utf-8")
    # It looks into the database: in a thread, yet not one of those that routes share, which may all be waiting.
    response = await to_thread.run_sync(page, request, problem, limiter=CapacityLimiter(1))
    response.headers.update(problem.headers)
    return response


async def _stored(_request: Request, error: Exception) -> Response:
    if not isinstance(error, AlreadyAnswered):
        raise error
    return error.response()


async def _nobody_listens(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


def _http_problem(error: HTTPException, identifier: str) -> ProblemDocument:
    title, detail, fix = _HTTP.get(error.status_code, _OTHER)
    if error.status_code == _TOO_LARGE:
        title, fix = "Too large", "Send less."
    return ProblemDocument(
        status=error.status_code,
        kind=f"http-{error.status_code}",
        title=title,
        detail=detail if error.status_code in _HTTP else str(error.detail or detail),
        fix=fix,
        request_id=identifier,
        headers=dict(error.headers or {}),
    )


def _unexpected_problem(identifier: str) -> ProblemDocument:
    return ProblemDocument(
        status=500,
        kind=_UNEXPECTED,
        title="TuneDesk made a mistake",
        detail="Something went wrong inside TuneDesk; nothing was changed by this request.",
        fix=f"Try again. If it stays so, look for {identifier} in the log and report it.",
        request_id=identifier,
    )
