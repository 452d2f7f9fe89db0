"""What has to be cleared away now and then; doing it twice, or by two processes at once, does no harm."""

import logging
from datetime import datetime, timedelta

from app.domain.actors import ENGINE
from app.domain.errors import DomainError
from app.engine.orphan_gc import OrphanCollector
from app.kit.crash_points import CrashPoint, reached
from app.services import catalog, models, retention
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scopes
from app.store import idempotency

KEYS_EVERY, KEYS_KEPT = timedelta(hours=1), timedelta(hours=24)
CATALOGS_EVERY, CATALOGS_KEPT = timedelta(minutes=1), timedelta(hours=24)
TEARDOWN_AGAIN = timedelta(minutes=1)  # after a provider has refused to remove a model

log = logging.getLogger(__name__)


class Maintenance:
    """Forgets answers that nobody can ask for again, removes checkpoints that have had their time, has old catalogs
    looked up again, and ends teardowns once nothing serves the model any more.
    """

    def __init__(self, scopes: Scopes, sweep: OrphanCollector) -> None:
        self._scopes = scopes
        self._sweep = sweep
        self._keys_at: datetime | None = None
        self._catalogs_at: datetime | None = None
        self._refused: dict[str, datetime] = {}

    def run(self, now: datetime) -> int:
        """Clear up what is to be cleared up now; return how many things were removed."""
        reached(CrashPoint.HOUSEKEEPING)
        if self._keys_at is None or now >= self._keys_at:
            self._keys_at = now + KEYS_EVERY
            with self._scopes.open(ENGINE) as scope:
                idempotency.forget(scope.write, before=now - KEYS_KEPT)
            self._give_back_space()
        if self._catalogs_at is None or now >= self._catalogs_at:
            self._catalogs_at = now + CATALOGS_EVERY
            with self._scopes.open(ENGINE) as scope:
                catalog.refresh_where_due(scope, CATALOGS_KEPT)
        swept = self._sweep.run(now)
        with self._scopes.open(ENGINE) as scope:
            waiting = [model.id for model in models.torn_down(scope)]
        return swept + sum(self._remove(model, now) for model in waiting if self._refused.get(model, now) <= now)

    def _give_back_space(self) -> None:
        with self._scopes.open(ENGINE) as scope:
            old = list(retention.expired(scope))
        for job in old:
            try:
                with self._scopes.open(ENGINE) as scope:
                    retention.discard(scope, job)
            except DomainError as error:
                log.warning("the checkpoints of %s cannot be removed: %s", job, error.message)

    def _remove(self, model: str, now: datetime) -> bool:
        try:
            with self._scopes.open(ENGINE) as scope:
                models.finish_teardown(scope, model)
        except PROVIDER_ERRORS as error:
            log.warning("model %s cannot be removed yet: %s", model, error.message)
            self._refused[model] = now + TEARDOWN_AGAIN
            return False
        self._refused.pop(model, None)
        return True
