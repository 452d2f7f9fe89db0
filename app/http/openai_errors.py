"""Failures as OpenAI's clients read them, at the addresses that are for them: each names what is wrong, and where.

The shape is `{"error": {"message", "type", "param", "code"}}`, all four always there
(https://platform.openai.com/docs/guides/error-codes). A client shows `message`, raises by the status, and asks again by
itself after 408, 409, 429 and 5xx unless `x-should-retry` says no, so that header is no with whatever would only fail
again, and 409 is never answered.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson

from app.domain.backend import (
    BackendError,
    NotAuthorised,
    QuotaExceeded,
    RateLimited,
    Refused,
    Rejected,
    Transient,
    Unsupported,
)
from app.domain.backend import NotFound as Lost
from app.domain.errors import Conflict, NotFound, Problem, ProviderFailed
from app.domain.openai_names import FILE, JOB, UPLOAD, outside
from app.http.problems import ProblemDocument, clean
from app.http.validation import DEFAULT_FIX

_ADDRESS = re.compile(r"(?:/api/v1/deployments/[^/]+)?/v1(?:/.*)?", re.DOTALL)
VERSION = "2020-10-01"  # of the wire, as OpenAI's own answers name it
_SHOWN_AT_ONCE = 3
_SOON_S, _LONGEST_WAIT_S = 5, 120  # beyond two minutes the clients do not wait at all
_INVALID = "invalid_request_error"
# What the clients have no exception of their own for, or would ask again after.
_STATUSES = {409: 400, 412: 400, 415: 400, 422: 400, 424: 502}
_CODES = {
    "wrong-key": "invalid_api_key",
    "sign-in-needed": "invalid_api_key",
    "conflict": "not_available",
    "forbidden": "permission_denied",
    "http-404": "unsupported_endpoint",
    "http-405": "method_not_allowed",
    "unreadable-body": "invalid_json",
    "wrong-content-type": "invalid_content_type",
    "extra_forbidden": "unknown_parameter",
    "missing": "missing_required_parameter",
    "literal_error": "unsupported_value",
    "unsupported": "unsupported_value",
    # Problems that name their code themselves.
    "deployment_required": "deployment_required",
    "not_supported_by_backend": "not_supported_by_backend",
    "unsupported_endpoint": "unsupported_endpoint",
    "unknown_parameter": "unknown_parameter",
}
# What a backend's failures are to the one who asks: status, type and code; the first class that fits.
_PROVIDERS: tuple[tuple[type[BackendError], int, str, str], ...] = (
    (Refused, 400, _INVALID, "content_filter"),
    (Rejected, 400, _INVALID, "invalid_value"),
    (Unsupported, 400, _INVALID, "unsupported_value"),
    (RateLimited, 429, "rate_limit_error", "rate_limit_exceeded"),
    (QuotaExceeded, 429, "insufficient_quota", "insufficient_quota"),
    (NotAuthorised, 502, "server_error", "provider_not_authorised"),
    (Lost, 503, "server_error", "model_unavailable"),
    (Transient, 503, "server_error", "model_unavailable"),
)
# What our nouns are called there, and how their ids begin.
_NOUNS = {"dataset": ("file", FILE), "job": ("job", JOB), "upload": ("upload", UPLOAD)}
_NOWHERE = (
    "There is nothing at this address. TuneDesk answers files, uploads, fine-tuning jobs, models and chat completions."
)
_BROKEN = (BackendError, 502, "server_error", "provider_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIError:
    """One failure in OpenAI's words. `retry`: whether asking again may help; `wait_s`: after how many seconds."""

    status: int
    message: str
    kind: str = _INVALID
    param: str | None = None
    code: str | None = None
    retry: bool = False
    wait_s: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, dict[str, str | None]]:
        """The object that stands in an answer, and in an event of a stream."""
        error = {"message": clean(self.message), "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}

    def as_json(self) -> bytes:
        """Return the whole body of an answer."""
        return orjson.dumps(self.body)

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers of an answer with it."""
        wait = {} if self.wait_s is None else {"retry-after": str(self.wait_s)}
        veto = {} if self.retry else {"x-should-retry": "false"}
        return {**self.headers, "content-type": "application/json", **wait, **veto}


def speaks_openai(path: str) -> bool:
    """Tell whether an address is for OpenAI's clients."""
    return _ADDRESS.fullmatch(path) is not None


def openai_error(problem: ProblemDocument, error: Exception | None = None) -> OpenAIError:
    """Return a failure in OpenAI's words; `error` is what `problem` was made of, where it is an exception."""
    message = _sentences(problem) if problem.kind != "http-404" else _NOWHERE
    if isinstance(error, NotFound) and error.kind in _NOUNS:
        noun, prefix = _NOUNS[error.kind]
        message = f"There is no {noun} {outside(error.identifier, prefix)!r}."
    if isinstance(error, ProviderFailed):
        return _of_provider(error.__cause__, message)
    if isinstance(error, Conflict) and error.soon:
        return OpenAIError(
            status=503, message=message, kind="server_error", code="not_ready", retry=True, wait_s=_SOON_S
        )
    status = _STATUSES.get(problem.status, problem.status)
    param, code = _where(problem, error)
    kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _INVALID
    return OpenAIError(status=status, message=message, kind=kind, param=param, code=code, headers=problem.headers)


def _sentences(problem: ProblemDocument) -> str:
    if not problem.problems:
        return f"{problem.detail} {problem.fix}".strip()
    return " ".join(_sentence(each) for each in problem.problems[:_SHOWN_AT_ONCE])


def _sentence(problem: Problem) -> str:
    """Return what is wrong with a field, which is called as `param` calls it."""
    name, colon, rest = problem.message.partition(": ")
    named = f"{_dotted(problem.pointer)}: {rest}" if colon and problem.pointer.endswith(name) else problem.message
    # Our own description is of other addresses.
    return named if problem.fix in {"", DEFAULT_FIX} or "/openapi.json" in problem.fix else f"{named} {problem.fix}"


def _where(problem: ProblemDocument, error: Exception | None) -> tuple[str | None, str]:
    if isinstance(error, NotFound):
        noun, _ = _NOUNS.get(error.kind, (error.kind, ""))
        return (noun if noun == "model" else None), f"{noun.replace(' ', '_')}_not_found"
    if problem.problems:
        first = problem.problems[0]
        return _dotted(first.pointer), _CODES.get(first.code, "invalid_value")
    return None, _CODES.get(problem.kind, problem.kind.replace("-", "_"))


def _dotted(pointer: str) -> str | None:
    """Return a JSON pointer as OpenAI writes it: /messages/0/content is messages[0].content."""
    if pointer.startswith("?"):  # of the query
        return pointer[1:] or None
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts).removeprefix(".") or None


def _of_provider(cause: BaseException | None, message: str) -> OpenAIError:
    """Return what a backend's failure is to the one who asked the model."""
    found = next((row for row in _PROVIDERS if isinstance(cause, row[0])), _BROKEN)
    _, status, kind, code = found
    rejected = cause if isinstance(cause, Rejected) else None
    retry = status == HTTPStatus.SERVICE_UNAVAILABLE or isinstance(cause, RateLimited)
    return OpenAIError(
        status=status,
        message=message,
        kind=kind,
        param=rejected.field if rejected else None,
        code=(rejected.code if rejected else None) or code,
        retry=retry,
        wait_s=_wait_s(cause) if retry else None,
    )


def _wait_s(cause: BaseException | None) -> int:
    asked = cause.retry_after if isinstance(cause, BackendError) else None
    return _SOON_S if asked is None else min(_LONGEST_WAIT_S, max(1, math.ceil(asked.total_seconds())))
