"""The orphan sweep: at start and every hour, what nobody needs is noticed, and goes after a time to object in."""

import logging
from datetime import datetime, timedelta

from app.domain.actors import ENGINE
from app.domain.errors import DomainError
from app.domain.runs import OrphanRun
from app.engine.background_tasks import BackgroundTasks, NotReady
from app.services import orphan_runs
from app.services.scope import Scopes

EVERY = timedelta(hours=1)
AGAIN = timedelta(seconds=40)  # after a process was asked to end: longer than the grace of a backend

log = logging.getLogger(__name__)


class OrphanCollector:
    """Looks through the run folders beside the turns. Doing it twice, or by two processes at once, does no harm."""

    def __init__(self, scopes: Scopes, tasks: BackgroundTasks) -> None:
        self._scopes = scopes
        self._tasks = tasks
        self._next: datetime | None = None

    def run(self, now: datetime) -> int:
        """Look if it is time to; return how many runs were ended or removed."""
        if self._next is not None and now < self._next:
            return 0
        try:
            cleared, following = self._tasks.result("sweep", self._sweep)
        except NotReady:
            return 0
        self._next = following
        return cleared

    def _sweep(self) -> tuple[int, datetime]:
        """Notice and clear; return how many were cleared, and when to look again."""
        now = self._scopes.app_context.clock.now()
        with self._scopes.open(ENGINE) as scope:
            found = [orphan_runs.notice(scope, each) for each in orphan_runs.listed(scope)]
        ripe = [each for each in found if each.goes_at is not None and each.goes_at <= now]
        cleared = sum(self._clear(each) for each in ripe)
        later = [each.goes_at for each in found if each.goes_at is not None and each.goes_at > now]
        again = [now + AGAIN] if any(each.run.alive for each in ripe) else []
        return cleared, min([now + EVERY, *later, *again])

    def _clear(self, each: OrphanRun) -> bool:
        log.warning("nothing needs the run %s (%s); it is cleared away", each.run.tag, each.reason.value)
        try:
            with self._scopes.open(ENGINE) as scope:
                orphan_runs.clear(scope, each.run.tag)
        except DomainError as error:
            log.warning("the run %s cannot be cleared away yet: %s", each.run.tag, error.message)
            return False
        return True
