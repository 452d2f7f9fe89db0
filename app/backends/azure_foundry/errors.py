"""What Azure answers, in the words of the domain: a sentence, a remedy where one is known, and the request id."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from app.domain.backend import (
    BackendError,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.exceptions import AzureError, HttpResponseError

_P = ParamSpec("_P")
_T = TypeVar("_T")
LONGEST_WAIT = timedelta(hours=1)  # a Retry-After beyond this is not obeyed: the engine looks again, and is told again
_SERVER = 500
# What a status means, before the known codes are looked at: (error, sentence, remedy).
_BY_STATUS: dict[int, tuple[type[BackendError], str, str]] = {
    401: (NotAuthorised, "Azure does not accept the sign-in", "Run the connection's checks."),
    403: (NotAuthorised, "Azure refuses", "Run the connection's checks: a role may be missing."),
    404: (NotFound, "Azure does not know it", ""),
    409: (Unavailable, "Azure is busy with it", ""),
    429: (RateLimited, "Azure asks for a pause", ""),
}


def in_azure_words(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let nothing but BackendError leave a backend's method."""

    @functools.wraps(function)
    def speaking(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except BackendError:
            raise
        except Exception as error:
            told = translate(error)
            if told is None:
                raise
            raise told from error

    return speaking


def translate(error: BaseException, *, submitting: bool = False) -> BackendError | None:
    """Return what an exception of the Azure packages comes to; None for one that is not theirs.

    `submitting`: no answer may mean that it was accepted.
    """
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )

    if isinstance(error, ClientAuthenticationError) and error.response is None:
        return NotAuthorised(f"Signing in to Azure failed: {_first_line(error)}", fix="Run the connection's checks.")
    if isinstance(error, HttpResponseError):
        return of_answer(error, submitting=submitting)
    if isinstance(error, ServiceRequestError):
        return Unavailable(f"Azure could not be reached: {_first_line(error)}", fix="It is tried again by itself.")
    if isinstance(error, ServiceResponseError):
        kind = OutcomeUnknown if submitting else Unavailable
        return kind(f"Azure gave no whole answer: {_first_line(error)}", fix="It is looked up, or tried again.")
    if isinstance(error, AzureError):
        return Rejected(_first_line(error))
    return None


def of_answer(error: "HttpResponseError", *, submitting: bool = False) -> BackendError:
    """Return what an HTTP answer with an error status comes to."""
    status = error.status_code or 0
    headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}
    said = f"{_first_line(error)}{_request(headers)}"
    known = _BY_STATUS.get(status)
    if known is not None:
        kind, told, fix = known
        return kind(f"{told}: {said}", fix=fix, retry_after=retry_after(headers))
    if status >= _SERVER:
        kind = OutcomeUnknown if submitting else Unavailable
        return kind(f"Azure has a problem of its own ({status}): {said}", retry_after=retry_after(headers))
    return Rejected(said)


def retry_after(headers: "Mapping[str, str]", *, now: datetime | None = None) -> timedelta | None:
    """Return how long Azure asks to wait: seconds, an HTTP date, or milliseconds; None where it does not say.

    Source: RFC 9110, 10.2.3; `retry-after-ms` and `x-ms-retry-after-ms` as azure-core reads them.
    """
    wait: timedelta | None = None
    try:
        for name in ("retry-after-ms", "x-ms-retry-after-ms"):
            if name in headers:
                wait = timedelta(milliseconds=float(headers[name]))
        text = headers.get("Retry-After", headers.get("retry-after", ""))
        if wait is None and text:
            try:
                wait = timedelta(seconds=float(text))
            except ValueError:
                wait = parsedate_to_datetime(text) - (now or datetime.now(UTC))  # noqa: TID251
    except (ValueError, OverflowError, TypeError):
        return None
    return None if wait is None else max(timedelta(0), min(wait, LONGEST_WAIT))


def _request(headers: "Mapping[str, str]") -> str:
    found = headers.get("x-ms-request-id") or headers.get("x-request-id")
    return f" (request {found})" if found else ""


def _first_line(error: "AzureError") -> str:
    inner = getattr(error, "error", None)
    message = getattr(inner, "message", None) or getattr(error, "message", None) or str(error)
    return str(message).strip().split("\n")[0][:1000]
