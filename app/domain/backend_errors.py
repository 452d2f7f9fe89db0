"""How a backend says that it could not do as asked: try again, or do not."""

from datetime import timedelta
from typing import ClassVar

from app.domain.jobs import JobReason


class BackendError(Exception):
    """A backend could not do as asked; `fix` says what a person can do about it.

    BackendError
      +- Transient            try again, later each time
      |    +- Unavailable     no answer, or a 5xx, and surely nothing was accepted
      |    +- OutcomeUnknown  no answer to a submit that may have been accepted: look it up, never repeat blindly
      |    +- RateLimited     a 429; `retry_after` says when
      |    +- NoCapacity      nothing free to train on or to deploy on
      +- Permanent            trying again cannot help
           +- NotAuthorised   wrong or missing credentials
           +- QuotaExceeded   a limit that somebody has to raise
           +- Rejected        the request is wrong; `detail` says how
           |    +- DataRejected
           |    +- Refused      the provider's content filter did not let a question or its answer through
           +- NotFound        the backend does not know the thing
           +- Unsupported     the backend cannot do this at all
    """

    reason: ClassVar[JobReason] = JobReason.BACKEND_ERROR

    def __init__(self, detail: str, *, fix: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(_text(detail))
        self.detail = _text(detail)
        self.fix = _text(fix)
        self.retry_after = retry_after


class Transient(BackendError):
    """Try again, later each time."""


class Unavailable(Transient):
    """No answer, or a 5xx, and surely nothing was accepted."""


class OutcomeUnknown(Transient):
    """No answer to a submit that may have been accepted."""


class RateLimited(Transient):
    """Too many requests."""


class NoCapacity(Transient):
    """Nothing free to train on or to deploy on."""

    reason = JobReason.CAPACITY


class Permanent(BackendError):
    """Trying again cannot help."""


class NotAuthorised(Permanent):
    """Wrong or missing credentials."""

    reason = JobReason.AUTHENTICATION


class QuotaExceeded(Permanent):
    """A limit that somebody has to raise."""

    reason = JobReason.QUOTA


class Rejected(Permanent):
    """The request is wrong; `field` and `code` say where and how, where that is known: "messages[0].content"."""

    reason = JobReason.INVALID_REQUEST

    def __init__(
        self,
        detail: str,
        *,
        fix: str = "",
        retry_after: timedelta | None = None,
        field: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(detail, fix=fix, retry_after=retry_after)
        self.field, self.code = field, code


class DataRejected(Rejected):
    """The rows are wrong."""

    reason = JobReason.INVALID_DATA


class Refused(Rejected):
    """The provider's content filter did not let a question or its answer through."""


class NotFound(Permanent):
    """The backend does not know the thing."""

    reason = JobReason.LOST


class Unsupported(Permanent):
    """The backend cannot do this at all."""

    reason = JobReason.INVALID_REQUEST


def _text(words: str) -> str:
    """Return a provider's words without lone surrogates: no answer and no page could be encoded with them."""
    return words.encode("utf-8", "replace").decode("utf-8")
