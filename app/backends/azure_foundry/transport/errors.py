"""What Azure answers, in the words of the domain: a sentence, a remedy where one is known, and the request id."""

import functools
import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from app.backends.azure_foundry.transport.api_versions import spoken
from app.backends.azure_foundry.transport.error_bodies import ErrorBody, read_error
from app.backends.azure_foundry.transport.known_failures import known
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
    from azure.core.exceptions import AzureError, HttpResponseError

_P = ParamSpec("_P")
_T = TypeVar("_T")
LONGEST_WAIT = timedelta(hours=1)  # a Retry-After beyond this is not obeyed: the engine looks again, and is told again
_BAD, _SERVER, _TIMED_OUT = 400, 500, 408
_WHOLE = 2000  # characters of an answer that nobody knows
_DEEP = 6  # causes of an exception that are looked into
_AGAIN = "It is tried again by itself."
_LIMIT = "x-ms-ratelimit-"
_NEVER_SENT = {"NewConnectionError", "ConnectTimeoutError", "ConnectTimeout", "NameResolutionError"}
_HOST = re.compile(r"host='([^']{1,253})'")  # as urllib3 names it; azure-identity's calls do not go over our transport


class SignInRefused(NotAuthorised):
    """A 401: the token is not accepted (any more). A fresh one may be."""


class VersionNotSpoken(Rejected):
    """A version of the interface that is not spoken in this place; `spoken` are those that the refusal lists."""

    spoken: tuple[str, ...] = ()


class Conflicted(Unavailable):
    """A 409: what is there stands in the way. Whoever asked to create it looks whether it is what was wanted."""


# What a status means, unless the failure is known: (error, sentence, remedy).
_BY_STATUS: Mapping[int, tuple[type[BackendError], str, str]] = {
    401: (SignInRefused, "Azure does not accept the sign-in", "Run the connection's checks."),
    403: (NotAuthorised, "Azure refuses", "Run the connection's checks: a role may be missing."),
    404: (NotFound, "Azure does not know it", "Look for it in the portal."),
    409: (Conflicted, "Azure is busy with it", _AGAIN),
    412: (Conflicted, "It was changed at Azure meanwhile", _AGAIN),
    429: (RateLimited, "Azure asks for a pause", "It goes on by itself."),
}


def translates_errors(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let nothing but BackendError leave a backend's method."""

    @functools.wraps(function)
    def translating(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with translated():
            return function(*args, **kwargs)

    return translating


@contextmanager
def translated(*, submitting: bool = False) -> Iterator[None]:
    """Raise what the Azure packages raise as a BackendError; `submitting` as in `translate`."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:
        reported = translate(error, submitting=submitting)
        if reported is None:
            raise
        raise reported from error


def translate(error: BaseException, *, submitting: bool = False) -> BackendError | None:
    """Return what an exception of the Azure packages comes to; None for one that is not theirs.

    `submitting`: unless it is certain that nothing was sent or accepted, the outcome is unknown.
    """
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )

    from app.backends.azure_foundry.transport.wire import NotSent

    if not isinstance(error, AzureError):
        # azure-core leaves a page instead of data to its decoder, and a broken pipe to the operating system.
        return _no_whole_answer(error, submitting=submitting) if isinstance(error, JSONDecodeError | OSError) else None
    if isinstance(error, HttpResponseError) and (error.status_code or 0) >= _BAD:
        return of_answer(error, submitting=submitting)
    if isinstance(error, ClientAuthenticationError):
        return _sign_in(error)
    sent = not isinstance(error, NotSent) and (not isinstance(error, ServiceRequestError) or _may_have_been_sent(error))
    if isinstance(error, ServiceRequestError) and not (submitting and sent):
        return _unreached(error)
    if isinstance(error, (HttpResponseError, ServiceRequestError, ServiceResponseError)):
        return _no_whole_answer(error, submitting=submitting)
    return Rejected(_first_line(error))


def _no_whole_answer(error: BaseException, *, submitting: bool) -> BackendError:
    kind = OutcomeUnknown if submitting else Unavailable
    return kind(f"Azure gave no whole answer: {_first_line(error)}", fix="It is looked up, or tried again.")


def of_answer(error: "HttpResponseError", *, submitting: bool = False) -> BackendError:
    """Return what an HTTP answer with an error status comes to."""
    status = error.status_code or 0
    headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}
    body = _body_of(error)
    codes, message = body.codes, body.message
    said = f"{_whole(codes, message)}{_used_up(headers) if status == 429 else ''}{_request(headers, body.request)}"  # noqa: PLR2004 -- Too Many Requests
    wait = retry_after(headers)
    if submitting and (status >= _SERVER or status == _TIMED_OUT):
        return OutcomeUnknown(f"Azure has a problem of its own ({status}): {said}", fix="It is looked up.")
    versions = spoken(codes, message)
    if versions:
        return _not_spoken(said, versions)
    found = known(codes, message)
    if found is not None and status not in {401, 429}:
        kind = Conflicted if found.kind is Unavailable and status == 409 else found.kind  # noqa: PLR2004 -- Conflict
        return kind(f"{found.cause}: {said}", fix=found.fix, retry_after=wait)
    if status in _BY_STATUS:
        kind, reported, fix = _BY_STATUS[status]
        return kind(f"{reported}: {said}", fix=found.fix if found else fix, retry_after=wait)
    if status >= _SERVER or status == _TIMED_OUT:
        return Unavailable(f"Azure has a problem of its own ({status}): {said}", fix=_AGAIN, retry_after=wait)
    return Rejected(f"Azure does not accept this ({status}): {said}", fix="The message says what is wrong.")


def _not_spoken(said: str, versions: tuple[str, ...]) -> VersionNotSpoken:
    newest = ", ".join(sorted(versions, reverse=True)[:5])
    cause = "Azure does not speak this version of its interface in this place"
    error = VersionNotSpoken(
        f"{cause}: {said}",
        fix=f"It speaks {newest}. If nothing goes on with one of them, update TuneDesk, or use another region.",
    )
    error.spoken = versions
    return error


def of_failure(body: object, *, fix: str = "The job's log may say more.") -> BackendError | None:
    """Return what the error in a body comes to, of a failed run or operation; None where it says nothing.

    It is not raised: its reason and its sentence are recorded. `fix` is the remedy of one that nobody knows.
    """
    reported = read_error(body)
    if not reported.codes and not reported.messages:
        return None
    found = known(reported.codes, reported.message)
    said = f"{_whole(reported.codes, reported.message)}{_request({}, reported.request)}"
    if found is None:
        return BackendError(said, fix=fix)
    return found.kind(f"{found.cause}: {said}", fix=found.fix)


def retry_after(headers: "Mapping[str, str]", *, now: datetime | None = None) -> timedelta | None:
    """Return how long Azure asks to wait: seconds, an HTTP date, or milliseconds; None where it does not say.

    A date is read against the answer's own Date, so that a wrong clock here does not matter. What is no time at all is
    ignored; what is longer than `LONGEST_WAIT` is cut. Source: RFC 9110, 10.2.3; `retry-after-ms` and
    `x-ms-retry-after-ms` as azure-core reads them.
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
                wait = parsedate_to_datetime(text) - (now or _date(headers))
    except (ValueError, OverflowError, TypeError):
        return None
    return None if wait is None else max(timedelta(0), min(wait, LONGEST_WAIT))


def _date(headers: "Mapping[str, str]") -> datetime:
    reported = headers.get("Date", headers.get("date", ""))
    try:
        return parsedate_to_datetime(reported)
    except (ValueError, TypeError):
        return datetime.now(UTC)  # noqa: TID251 -- a server that tells no date, or two


def _body_of(error: "HttpResponseError") -> ErrorBody:
    """Return what an answer's body says; where it is no JSON, its text."""
    from azure.core.exceptions import AzureError

    body: Any = None
    text = ""
    try:
        text = error.response.text() if error.response is not None else ""
        body = error.response.json() if text.lstrip()[:1] in {"{", "["} else None  # type: ignore[union-attr]
    except (AzureError, ValueError, LookupError, OSError, RecursionError):
        body = None  # a body that was cut off half-way; the status is enough
    found = read_error(body)
    code = getattr(getattr(error, "error", None), "code", None)
    headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}
    if not found.codes and isinstance(code, str):
        found.codes = [code]
    if not found.codes and headers.get("x-ms-error-code"):
        found.codes = [headers["x-ms-error-code"]]  # the blob store's, whose bodies are XML, or none
    if not found.messages:
        found.messages = [_plain(text) if "<" in text[:200] else (text.strip() or _first_line(error))]
    return found


def _used_up(headers: "Mapping[str, str]") -> str:
    """Return which limits have nothing left, as a 429 may say beside or instead of how long to wait.

    https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """
    names = [str(name).lower() for name, left in headers.items() if str(left).strip() in {"0", "-1"}]
    empty = [name.removeprefix(_LIMIT).removeprefix("remaining-") for name in names if name.startswith(_LIMIT)]
    return f" Nothing is left of: {', '.join(sorted(empty))}." if empty else ""


def _plain(page: str) -> str:
    """Return an HTML page (a proxy's, a gateway's) as text."""
    without = re.sub(r"(?is)<(script|style|head)\b.*?</\1>", " ", page)
    title = re.search(r"(?is)<title>(.*?)</title>", page)
    body = re.sub(r"<[^>]{0,500}>", " ", without)
    words = " ".join(html.unescape(f"{title.group(1) if title else ''} {body}").split())
    return f"a page instead of data: {words}"


def _whole(codes: Sequence[str], message: str) -> str:
    named = f"{' / '.join(codes)}: " if codes else ""
    text = f"{named}{message}".strip()
    return text if len(text) <= _WHOLE else f"{text[:_WHOLE]} … ({len(text) - _WHOLE} more characters)"


def _request(headers: "Mapping[str, str]", reported: str = "") -> str:
    names = ("x-ms-request-id", "x-request-id", "x-ms-correlation-request-id")
    found = next((headers[name] for name in names if headers.get(name)), reported)
    return f" (request {found[:100]})" if found else ""


def _sign_in(error: "AzureError") -> BackendError:
    text = str(getattr(error, "message", None) or error).strip()
    found = known([], text)
    if found is not None and issubclass(found.kind, NotAuthorised):
        return NotAuthorised(f"{found.cause}: {text[:_WHOLE]}", fix=found.fix)
    return NotAuthorised(f"Signing in to Azure failed: {text[:_WHOLE]}", fix="Run the connection's checks.")


def _may_have_been_sent(error: "AzureError") -> bool:
    """Tell whether a request may have left before this error; only errors of connecting say that it did not."""
    if is_refused_by_proxy(error):
        return False
    seen: BaseException | None = getattr(error, "inner_exception", None) or error.__cause__
    names: list[str] = []
    while seen is not None and len(names) < _DEEP:
        names.append(type(seen).__name__)
        inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = getattr(inner, "reason", None) or inner
    return not _NEVER_SENT & set(names)


def _unreached(error: "AzureError") -> Unavailable:
    """Return that there is no way to a host, by its name: whoever opens the way has to know which."""
    text = str(error)
    named = _HOST.search(text)
    host = getattr(error, "host", "") or (named[1] if named else "")
    fix = _AGAIN
    if "CERTIFICATE_VERIFY_FAILED" in text:
        fix = "A proxy with a certificate of its own? Then set REQUESTS_CA_BUNDLE to its authority's file."
    elif is_refused_by_proxy(error):
        whom = f"{host} (port 443)" if host else "the hosts"
        fix = f"The proxy refuses it: allow {whom}; docs/azure.md lists all hosts. Or correct HTTPS_PROXY."
    return Unavailable(f"Azure could not be reached{f' at {host}' if host else ''}: {_first_line(error)}", fix=fix)


def is_refused_by_proxy(error: BaseException) -> bool:
    """Tell whether a proxy stood between and let nothing through."""
    return "Tunnel connection failed" in str(error)  # urllib3 calls a connection that broke later a ProxyError, too


def _first_line(error: BaseException) -> str:
    inner = getattr(error, "error", None)
    message = getattr(inner, "message", None) or getattr(error, "message", None) or str(error)
    line = str(message).strip().split("\n")[0][:1000]
    return re.sub(r"([?&]sig=)[^&\s'\")]+", r"\1…", line)  # an address with a signature opens the blob store
