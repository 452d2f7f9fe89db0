"""How a backend is asked while somebody waits: whatever goes wrong there comes back as one sentence.

Backends promise to raise nothing but `BackendError`. One that breaks the promise has a bug, or its provider's library
has; the person who waits can do as little about it as about a provider that is down, and is told as calmly.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.backend import BackendError
from app.domain.errors import DomainError, ProviderFailed, StorageFull, no_room
from app.kit.request_ids import REQUEST_ID

# What `asking` makes of a failure: caught where a page shows what there is, and what there is not, with the reason.
PROVIDER_ERRORS = (ProviderFailed, StorageFull)

log = logging.getLogger(__name__)


@contextmanager
def provider_errors() -> Iterator[None]:
    """Let nothing but domain errors leave the block, which asks a backend and does nothing else.

    Where a backend's own error means something else than a failure, the block catches it inside.

    Raises:
        ProviderFailed: the backend could not do it, or failed as no backend may; then the log has all of it.
        StorageFull: the disk has no room.
    """
    try:
        yield
    except DomainError:
        raise
    except BackendError as error:
        raise ProviderFailed(error.detail, fix=error.fix) from error
    except Exception as error:
        full = no_room(error) if isinstance(error, OSError) else None
        raise full or _broken(error) from error


def _broken(error: Exception) -> ProviderFailed:
    """Write a failure that should not be down, and return what is told: its kind, for its words may hold secrets."""
    kind, request = type(error).__name__, REQUEST_ID.get()
    log.error("%s: a backend raised %s, which no backend may", request or "no request", kind, exc_info=error)
    where = f" under {request}" if request else ""
    return ProviderFailed(
        f"The backend failed in a way that it should not have ({kind}). The server's log has it whole{where}.",
        fix="Try again. If it stays so, report it with that part of the log.",
    )
