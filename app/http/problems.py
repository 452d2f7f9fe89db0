"""What is told when a wish fails: one table from the domain's errors to HTTP, and the document of RFC 9457."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from app.domain import errors
from app.domain.errors import DomainError, Invalid, Problem
from app.domain.spending import CostNotAccepted

MEDIA_TYPE = "application/problem+json"
_MAX_TEXT = 2000
_MAX_PROBLEMS = 100
_SHOWN_AT_ONCE = 3


class SignInNeeded(DomainError):
    """Nobody known asks."""


class UnreadableBody(DomainError):
    """The body is not JSON as RFC 8259 has it; `pointer` is where, once it has been read that far."""

    def __init__(self, message: str, *, fix: str, pointer: str = "") -> None:
        super().__init__(message, fix=fix)
        self.pointer = pointer


class WrongContentType(DomainError):
    """The body is declared as something else than JSON."""


# Everything that a wish can come to, and how HTTP calls it. A test holds that no error is missing here.
# 5xx is kept for what nobody foresaw: a provider that failed is 424, and a full disk or a damaged database is a state
# that people can mend.
STATUSES: dict[type[DomainError], tuple[int, str]] = {
    errors.NotFound: (404, "Not found"),
    errors.Forbidden: (403, "Not allowed"),
    errors.Invalid: (422, "Something in the request is wrong"),
    CostNotAccepted: (422, "Its cost has not been accepted"),
    errors.WrongKey: (401, "Wrong key"),
    errors.SignInFailed: (401, "Not signed in"),
    errors.TooManyTries: (429, "Too many tries"),
    errors.Conflict: (409, "Its current state does not allow this"),
    errors.Stale: (412, "Changed by somebody else"),
    errors.KeyMissing: (400, "Idempotency key missing"),
    errors.KeyReused: (422, "Idempotency key used for something else"),
    errors.TooLarge: (413, "Too large"),
    errors.StorageFull: (409, "No room left on the disk"),
    errors.StorageUnusable: (409, "The database cannot be used"),
    errors.ProviderFailed: (424, "The provider did not do it"),
    SignInNeeded: (401, "Sign in first"),
    UnreadableBody: (400, "Not readable as JSON"),
    WrongContentType: (415, "Not JSON"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemDocument:
    """One failed wish: `kind` names the error for programs, `detail` and `fix` tell people what and how to fix it."""

    status: int
    kind: str
    title: str
    detail: str
    fix: str = ""
    problems: Sequence[Problem] = ()
    request_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> bytes:
        """Return the document as `application/problem+json`; cannot fail, whatever stands in its texts."""
        document: dict[str, object] = {
            "type": f"urn:tunedesk:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": clean(self.detail),
            "instance": f"urn:tunedesk:request:{self.request_id}",
        }
        if self.fix:
            document["fix"] = clean(self.fix)
        if self.problems:
            document["errors"] = [
                {"pointer": clean(p.pointer), "code": clean(p.code), "message": clean(p.message), "fix": clean(p.fix)}
                for p in self.problems[:_MAX_PROBLEMS]
            ]
        return orjson.dumps(document)


def describe(error: DomainError, *, request_id: str = "") -> ProblemDocument:
    """Return the document of a domain error, by the nearest class that `STATUSES` names."""
    kind = next(cls for cls in type(error).__mro__ if cls in STATUSES)
    status, title = STATUSES[kind]
    problems: Sequence[Problem] = ()
    if isinstance(error, Invalid):
        problems = error.problems
    elif isinstance(error, UnreadableBody) and error.pointer:
        problems = (Problem(error.pointer, "unreadable", error.message, error.fix),)
    return ProblemDocument(
        status=status,
        kind=_hyphenated(kind.__name__),
        title=title,
        detail=_summary(problems) or error.message or f"{title}.",
        fix=error.fix,
        problems=problems,
        request_id=request_id,
        headers=_headers(error, status),
    )


def _headers(error: DomainError, status: int) -> Mapping[str, str]:
    if isinstance(error, errors.TooManyTries):
        return {"retry-after": str(error.wait_s)}
    return {"www-authenticate": 'Bearer realm="TuneDesk"'} if status == STATUSES[SignInNeeded][0] else {}


def _summary(problems: Sequence[Problem]) -> str:
    """Return the first few sentences; `errors` has them all."""
    sentences = [problem.message for problem in problems[:_SHOWN_AT_ONCE]]
    if len(problems) > _SHOWN_AT_ONCE:
        sentences.append("There are more.")
    return " ".join(sentences)


def clean(text: str) -> str:
    """Return text that any encoder takes: no lone surrogates, and no longer than two thousand characters."""
    short = text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"
    return short.encode("utf-8", "replace").decode("utf-8")


def _hyphenated(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
