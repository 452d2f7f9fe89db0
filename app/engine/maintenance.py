"""What has to be done now and then; doing it twice, or by two processes at once, does no harm.

It runs where the work is handed out, so it calls no provider: what does is a row that falls due, or is begun beside.
"""

from datetime import datetime, timedelta

from app.domain.actors import ENGINE
from app.engine.ending_models import EndingModels
from app.engine.orphan_gc import OrphanCollector
from app.kit import heap
from app.kit.crash_points import CrashPoint, reached
from app.services import catalog, datasets, retention
from app.services.scope import Scope, Scopes
from app.store import audit, idempotency, leases, webhooks

KEYS_EVERY, KEYS_KEPT = timedelta(hours=1), timedelta(hours=24)
MESSAGES_KEPT = timedelta(days=30)  # that are over, with what came of them
EACH_MINUTE = timedelta(minutes=1)
CATALOGS_KEPT = timedelta(hours=24)


class Maintenance:
    """Forgets answers that nobody can ask for again, and uploads that were refused; wakes jobs whose checkpoints have
    had their time, has old catalogs looked up again, and gives back memory that nobody needs.
    """

    def __init__(self, scopes: Scopes, sweep: OrphanCollector, endings: EndingModels) -> None:
        self._scopes = scopes
        self._endings = endings
        self._sweep = sweep
        self._keys_at: datetime | None = None
        self._minute_at: datetime | None = None

    def run(self, now: datetime) -> int:
        """Clear up what is to be cleared up now; return how many things were removed."""
        reached(CrashPoint.HOUSEKEEPING)
        if self._keys_at is None or now >= self._keys_at:
            self._keys_at = now + KEYS_EVERY
            with self._scopes.open(ENGINE) as scope:
                idempotency.forget(scope.write, before=now - KEYS_KEPT)
                self._forget_acts(scope)
                webhooks.forget(scope.write, before=now - MESSAGES_KEPT)
                datasets.forget_refused(scope)
                leases.wake(scope.write, "jobs", retention.expired(scope), due_at=scope.due_now())
        if self._minute_at is None or now >= self._minute_at:
            self._minute_at = now + EACH_MINUTE
            self._scopes.app_context.database.close_idle()
            heap.give_back()
            with self._scopes.open(ENGINE) as scope:
                catalog.refresh_where_due(scope, CATALOGS_KEPT)
        self._endings.run(now)
        return self._sweep.run(now)

    def _forget_acts(self, scope: Scope) -> None:
        days = self._scopes.app_context.audit_days
        if days:
            audit.forget(scope.write, before=scope.now() - timedelta(days=days))
