"""What an endpoint's refusals mean, in sentences: too many questions, the key, the content filter, not ready yet."""

import json
from collections.abc import Mapping
from typing import Any

from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.transport.errors import retry_after
from app.domain.backend import BackendError, NotAuthorised, NotFound, RateLimited, Refused, Rejected, Unavailable

BAD_REQUEST = (400, 422)
# A managed endpoint's refusals that may be about the form of the question: its container fails at a body that it cannot
# read (424); and one that has a path of its own may not have that.
OTHER_FORM = (400, 422, 424)
NO_SUCH_PATH = (404, 405)
_TOO_MANY, _SERVER = 429, 500
# A managed online endpoint's container answered with an error of its own:
# https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints
# Else: (error, sentence, remedy) by status.
_BY_STATUS: dict[int, tuple[type[BackendError], str, str]] = {
    401: (
        NotAuthorised,
        "The endpoint refuses the key that Azure has just given for it.",
        "Its keys may just have been changed: wait a minute, then ask again.",
    ),
    403: (
        NotAuthorised,
        "The endpoint refuses connections from here.",
        "Look at its network access in the studio: a private endpoint answers within its network only.",
    ),
    404: (
        NotFound,
        "The endpoint does not answer at this address (404).",
        "A new endpoint takes some minutes after Azure calls it ready; one of a retired model answers no more.",
    ),
    408: (Unavailable, "The endpoint took too long.", "Ask once more in a moment."),
    424: (Unavailable, "The model's container answered with an error.", "Its log in the studio says why."),
}
_OTHERWISE = (Rejected, "The endpoint does not take this question.", "Look at its length and settings.")
_FILTERS = ("content_filter", "contentfilter", "responsibleaipolicyviolation", "content_safety")


class OtherForm(Exception):
    """An endpoint does not take a question in this form, as far as can be told; `reported` is what it said."""

    def __init__(self, reported: BackendError) -> None:
        super().__init__(str(reported))
        self.reported = reported


def explained(status: int, headers: Mapping[str, str], text: str) -> BackendError:
    """Return what an endpoint's answer with an error comes to."""
    error = _error(text)
    said, code = _said(error, text), str(error.get("code", "")).lower()
    if _is_filter(error, code):
        return Refused(
            f"Azure's content filter refused this{_categories(error)}.",
            fix="Rephrase it. Content safety can be switched off only by deploying again without it.",
        )
    if status == _TOO_MANY or code in {"429", "toomanyrequests", "rate_limit_exceeded"}:
        wait = retry_after(headers)
        pause = "" if wait is None else f" Azure asks to wait {max(1, round(wait.total_seconds()))} s."
        return RateLimited(f"Too many questions, or too many tokens at once. {_limits()}{pause}", retry_after=wait)
    if status >= _SERVER:
        detail = f"The endpoint has a problem of its own ({status}). {said}".strip()
        return Unavailable(detail, fix="Ask once more in a moment.", retry_after=retry_after(headers))
    kind, sentence, fix = _BY_STATUS.get(status, _OTHERWISE)
    return kind(f"{sentence} {said}".strip(), fix=fix, retry_after=retry_after(headers))


def _limits() -> str:
    known = {each.id: each.limit for each in reference_data.limits()}
    tokens, requests = known["serverless-tokens"], known["serverless-requests"]
    return f"A serverless endpoint takes {tokens:,.0f} tokens and {requests:,.0f} requests per minute."


def _error(text: str) -> Mapping[str, Any]:
    try:
        reported = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(reported, dict):
        return {}
    error = reported.get("error", reported)
    return error if isinstance(error, dict) else {"message": str(error)}


def _said(error: Mapping[str, Any], text: str) -> str:
    message = error.get("message") or error.get("detail")
    if not message:
        plain = text.strip()
        message = "" if plain.startswith("<") else plain  # a gateway's page of HTML tells people nothing
    return str(message).strip().split("\n")[0][:500]


def _inner(error: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = error.get("innererror") or error.get("inner_error") or {}
    return inner if isinstance(inner, dict) else {}


def _is_filter(error: Mapping[str, Any], code: str) -> bool:
    inner = str(_inner(error).get("code", "")).lower()
    return any(word in code or word in inner for word in _FILTERS)


def _categories(error: Mapping[str, Any]) -> str:
    """Return which filters struck, as far as it is told: " (hate: high, violence: medium)"."""
    found = _inner(error).get("content_filter_result") or _inner(error).get("content_filter_results")
    if not isinstance(found, dict):
        return ""
    struck = [
        f"{name.replace('_', ' ')}: {each['severity']}" if each.get("severity") else name.replace("_", " ")
        for name, each in found.items()
        if isinstance(each, dict) and each.get("filtered")
    ]
    return f" ({', '.join(struck)})" if struck else ""
