"""What a provider refuses, in our words; the misleading ones first.

OpenAI's envelope is {"error": {message, type, param, code}}; Azure's planes put the same with `innererror` or
`inner_error`, and its v1 plane may leave the envelope out.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.domain.backend import (
    BackendError,
    DataRejected,
    NotAuthorised,
    NotFound,
    QuotaExceeded,
    RateLimited,
    Refused,
    Rejected,
    Unavailable,
)
from app.kit.sentences import ended

_DAY = timedelta(hours=6)  # a daily limit does not pass within a minute; four looks a day are enough
_LONGEST_WAIT_S = 6 * 3600.0
_SHOWN = 1000
_BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN, _UNPROCESSABLE, _TOO_MANY, _SERVER_ERROR = 400, 401, 403, 422, 429, 500
_TIMED_OUT, _CONFLICT, _GONE = 408, 409, frozenset({404, 410})
# Of a 409: what is against it now will be over by itself. Any other 409 is final: asking again changes nothing.
_PASSING = (
    "another operation",
    "in progress",
    "being performed",
    "try again",
    "retry later",
)
_FIXES = {
    401: "Enter another key in the connection's settings.",
    403: "Give the key, or who signs in, the right to do this at the provider.",
    404: "It may have been removed, or belong to another project or resource.",
    409: "Something at the provider stands against it: mend what it names there, then retry.",
    410: "It may have been removed, or belong to another project or resource.",
    413: "Use a smaller file: 512 MB is the most.",
}
OPENAI = "OpenAI"  # the provider itself, not another server of its wire
_REQUEST_IDS = ("x-request-id", "apim-request-id", "x-ms-request-id")


class Conflicting(Rejected):
    """A 409 that does not pass: something at the provider stands against the call."""


class Forbidden(NotAuthorised):
    """A 403: the sign-in is good, and has no right to do this."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, the body read."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """An error as its body says it."""

    name: str
    status: int
    message: str
    code: str
    param: str
    type: str
    id: str
    headers: Mapping[str, str]

    @property
    def words(self) -> str:
        """The provider's words, with the id under which its support finds the call."""
        message = ended(self.message[:_SHOWN].strip() or f"HTTP {self.status} without a message")
        return f"{self.name} says: {message}" + (f" (request {self.id})" if self.id else "")

    def has(self, *words: str) -> bool:
        """Whether the message or the code has one of these words."""
        said = f"{self.message} {self.code}".lower()
        return any(word in said for word in words)


def error_of(name: str, answer: Answer, *, creating: bool = False) -> BackendError | None:
    """Return what an answer refuses; None where it does not. `creating`: it was to begin a training."""
    if answer.status < 400:  # noqa: PLR2004 -- HTTP's first error status
        return None
    said = _read(name, answer)
    if creating and said.status == _FORBIDDEN and name == OPENAI:  # whichever words it chooses
        return _ended(said)
    for fits, made in _KNOWN:
        if fits(said):
            return made(said)
    return _by_status(said)


def _read(name: str, answer: Answer) -> _Said:
    try:
        body = json.loads(answer.text)
    except (ValueError, RecursionError):
        body = {}
    found = body.get("error", body) if isinstance(body, dict) else {}
    inside: Mapping[str, Any] = found if isinstance(found, dict) else {"message": found}
    message = inside.get("message") or (body.get("detail") if isinstance(body, dict) else "") or ""
    if not isinstance(body, dict) or (not body and answer.text.strip() != "{}"):
        message = re.sub(r"<[^>]*>", " ", answer.text)[:200].strip()
    identifier = next((answer.headers.get(each) for each in _REQUEST_IDS if answer.headers.get(each)), "")
    return _Said(
        name=name,
        status=answer.status,
        message=str(message),
        code=str(inside.get("code") or ""),
        param=str(inside.get("param") or ""),
        type=str(inside.get("type") or ""),
        id=str(identifier or "")[:80],
        headers=answer.headers,
    )


def _filtered(said: _Said) -> BackendError:
    return Refused(said.words, fix="Rephrase it: the provider's filter did not let this one through.")


def _daily(said: _Said) -> BackendError:
    return RateLimited(said.words, fix="The limit is by the day: it is tried again later by itself.", retry_after=_DAY)


def _quota(said: _Said) -> BackendError:
    return QuotaExceeded(said.words, fix="Raise the limit or settle the bill at the provider, then retry.")


def _limited(said: _Said) -> BackendError:
    return RateLimited(said.words, retry_after=_retry_after(said.headers))


def _not_ready(said: _Said) -> BackendError:
    return Unavailable(said.words, fix="The provider is still taking in the file; it is tried again.")


def _wrong_region(said: _Said) -> BackendError:
    fix = (
        "This usually means that the region does not train this model as “Standard”: choose Global Standard as the "
        "kind of training, or a resource in another region. The doctor's table says which."
    )
    return Rejected(said.words, fix=fix, field=said.param or "model", code=said.code)


def _versioned(said: _Said) -> BackendError:
    fix = "Enter the endpoint without api-version: TuneDesk speaks the v1 plane, which takes none."
    return Rejected(said.words, fix=fix)


def _ended(said: _Said) -> BackendError:
    fix = (
        "Since 2 July 2026 OpenAI lets only organisations train that used a tuned model in the 60 days before, and "
        "from 6 January 2027 none. Tuned models go on answering until their base is shut down. Train on another "
        "connection."
    )
    return Rejected(said.words, fix=fix, code=said.code or "forbidden")


def _data(said: _Said) -> BackendError:
    return DataRejected(said.words, fix="Fix the rows, then retry.", field=said.param, code=said.code)


_TUNING_REFUSED = ("fine-tun", "fine_tun", "finetun")
_FILES = ("training_file", "validation_file")
_KNOWN: tuple[tuple[Callable[[_Said], bool], Callable[[_Said], BackendError]], ...] = (
    (lambda said: said.code == "content_filter" or said.has("responsibleaipolicyviolation"), _filtered),
    (lambda said: said.code == "daily_rate_limit_exceeded", _daily),
    (lambda said: said.code == "insufficient_quota" or said.has("insufficientquota", "quotaexceeded"), _quota),
    (lambda said: said.has("does not support fine-tuning", "doesn't support fine-tuning"), _wrong_region),
    (lambda said: said.status == _BAD_REQUEST and said.has("api-version"), _versioned),
    (
        lambda said: (
            said.status == _BAD_REQUEST and said.has("not ready", "still being processed", "not been processed")
        ),
        _not_ready,
    ),
    (lambda said: said.status == _FORBIDDEN and said.name == OPENAI and said.has(*_TUNING_REFUSED), _ended),
    (
        lambda said: (
            said.status in {_BAD_REQUEST, _UNPROCESSABLE} and (said.param in _FILES or said.has("jsonlvalidation"))
        ),
        _data,
    ),
    (lambda said: said.status == _TOO_MANY, _limited),
)


def _by_status(said: _Said) -> BackendError:
    passes = said.status == _CONFLICT and said.has(*_PASSING)
    if said.status >= _SERVER_ERROR or said.status == _TIMED_OUT or passes:
        return Unavailable(said.words, retry_after=_retry_after(said.headers))
    fix = _FIXES.get(said.status, "Change what it names, then retry.")
    if said.status in {_UNAUTHORISED, _FORBIDDEN}:
        return (Forbidden if said.status == _FORBIDDEN else NotAuthorised)(said.words, fix=fix)
    if said.status in _GONE:
        return NotFound(said.words, fix=fix)
    kind = Conflicting if said.status == _CONFLICT else Rejected
    return kind(said.words, fix=fix, field=said.param or None, code=said.code or None)


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if 0 <= seconds <= _LONGEST_WAIT_S:
            return timedelta(seconds=seconds)
    return None
