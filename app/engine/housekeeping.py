"""What has to be cleared away now and then; doing it twice, or by two processes at once, does no harm."""

from datetime import datetime, timedelta

from app.domain.actors import ENGINE
from app.services.scope import Scopes
from app.store import idempotency

EVERY = timedelta(hours=1)
KEYS_KEPT = timedelta(hours=24)


class Housekeeping:
    """Forgets answers that nobody can ask for again."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._next: datetime | None = None

    def turn(self, now: datetime) -> bool:
        """Clear up if it is time; tell whether it was."""
        if self._next is not None and now < self._next:
            return False
        self._next = now + EVERY
        with self._scopes.open(ENGINE) as scope:
            idempotency.forget(scope.write, before=now - KEYS_KEPT)
        return True
