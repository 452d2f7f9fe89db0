"""One look at many trainings: those of which there is nothing new are put off in one transaction, without a claim.

A claim is for acts that must not be done twice. A look that finds nothing does nothing, so it needs none: it writes
only where nobody has touched the row since, and everything else is left to the row's own turn.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain.actors import ENGINE
from app.domain.backend_abilities import KnownJob, PollsInBatch
from app.engine import backoff
from app.services.provider_errors import PROVIDER_ERRORS, provider_errors
from app.services.scope import Scopes
from app.store import connections
from app.store import jobs as store
from app.store.jobs import IdleJob

FEWEST = 20  # with fewer due at once, turns of their own cost less than they are worth
_MOST = 10_000


class BatchPoll:
    """Puts off the trainings of which there is nothing new."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes

    def run(self) -> int:
        """Look at what is due, connection by connection; return how many trainings need no turn of their own."""
        with self._scopes.open(ENGINE) as scope:
            due = store.calm(scope.read, now=scope.due_now(), limit=_MOST)
        if len(due) < FEWEST:
            return 0
        by_connection: dict[str, list[IdleJob]] = defaultdict(list)
        for each in due:
            by_connection[each.connection].append(each)
        return sum(self._look(connection, rows) for connection, rows in by_connection.items())

    def _look(self, identifier: str, rows: Sequence[IdleJob]) -> int:
        with self._scopes.open(ENGINE) as scope:
            connection = connections.get(scope.read, identifier)
            if connection is None or connection.paused_reason is not None:
                return 0
            backend = scope.backends.opened(connection, PollsInBatch)
        if backend is None:
            return 0
        known = [KnownJob(remote_id=row.remote_id, status=row.status, cursor=row.cursor) for row in rows]
        try:
            with provider_errors():
                unchanged = backend.unchanged(known)
        except PROVIDER_ERRORS:
            return 0  # each row's own turn says what is wrong
        now = self._scopes.app_context.clock.now()
        looked = [(row, now + _wait(row, unchanged[row.remote_id], now)) for row in rows if row.remote_id in unchanged]
        if not looked:
            return 0
        with self._scopes.open(ENGINE) as scope:
            store.reschedule(scope.write, looked, at=now)
        return len(looked)


def _wait(row: IdleJob, asked: timedelta | None, now: datetime) -> timedelta:
    wait = backoff.asked_or(asked, backoff.next_look(now - row.began))
    return backoff.jittered(wait, seed=f"{row.id}:{row.due_at}")
