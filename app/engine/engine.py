"""The reconciler: claim what is due, act without a transaction, record; with nothing in memory to lose."""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime

from app.domain.actors import ENGINE
from app.domain.errors import DomainError
from app.engine.background_tasks import BackgroundTasks
from app.engine.batch_poll import BatchPoll
from app.engine.dispatch import NOTHING, RECONCILERS, failed_step
from app.engine.ending_models import EndingModels
from app.engine.maintenance import Maintenance
from app.engine.orphan_gc import OrphanCollector
from app.engine.reconciling import LeaseLost, ReconcileContext
from app.kit.crash_points import CrashPoint, reached
from app.kit.log_context import about
from app.services.scope import Scopes
from app.store import leases, queue_stats
from app.store.leases import Claim

LEASE_S = 60.0  # longer than any backend call may take (20 s), short enough to be taken over soon
_ROUND = 1000  # rows claimed at once by `tick`

# What is counted in the database, so that it survives every death.
TURNS, TAKEN_OVER, LEASES_LOST, BROKEN_OFF = "turns", "taken_over", "leases_lost", "broken_off"

log = logging.getLogger(__name__)


class Engine:
    """What one process does of the work; the clockwork turns it, and so do tests, by hand."""

    def __init__(self, scopes: Scopes, *, lease_s: float = LEASE_S) -> None:
        self.scopes = scopes
        self.tasks = BackgroundTasks(scopes.app_context.at_once_bytes)
        self.last_tick: datetime | None = None
        self._lease_s = lease_s
        self._token = secrets.token_hex(8)
        self.polled = 0  # trainings that needed no turn of their own, in this process
        self._batch_poll = BatchPoll(scopes)
        self._maintenance = Maintenance(scopes, OrphanCollector(scopes, self.tasks), EndingModels(scopes, self.tasks))

    def tick(self) -> int:
        """Do one whole round for everything that is due now, here and in order; return how many rows acted."""
        claims = self.claim(_ROUND)
        for claim in claims:
            self.reconcile(claim)
        return len(claims) + self.maintain()

    def claim(self, limit: int) -> list[Claim]:
        """Claim up to `limit` due rows; the write lock is not even asked for when nothing is due."""
        with self.scopes.open(ENGINE) as scope:
            now = scope.due_now()
            due = leases.first_due(scope.read, now=now)
            claims: list[Claim] = []
            if all(moment > now for moment in due.values()):
                return claims
        polled = self._batch_poll.run()
        self.polled += polled
        with self.scopes.open(ENGINE) as scope:
            left = leases.first_due(scope.read, now=now) if polled else due
            for table in [each for each, moment in left.items() if moment <= now]:
                room = limit - len(claims)
                if room > 0:
                    claims += leases.claim(
                        scope.write, table, now=now, lease_s=self._lease_s, limit=room, token=self._token
                    )
            if claims:
                queue_stats.count(scope.write, TURNS, len(claims))
            return claims

    def reconcile(self, claim: Claim) -> None:
        """Act on a claimed row and record what it came to; whatever goes wrong is noted and tried again later."""
        with about(claim.id):
            self._reconcile(claim)

    def _reconcile(self, claim: Claim) -> None:
        reached(CrashPoint.CLAIMED)
        context = ReconcileContext(self.scopes, claim, self.tasks)
        error = self.safely(lambda: context.record(RECONCILERS[claim.table](context) or NOTHING))
        if isinstance(error, LeaseLost):
            log.info("somebody else has %s by now; what was found is dropped", claim.id)
            self.safely(lambda: self._count(LEASES_LOST))
        elif error is not None:
            self.safely(lambda: self._count(BROKEN_OFF))
            self.safely(lambda: context.record(failed_step(context, error)))

    def maintain(self) -> int:
        """Clear up, and note that the engine is alive; return how many things were cleared up."""
        now = self.scopes.app_context.clock.now()
        cleared = self._maintenance.run(now)
        self.last_tick = now
        return cleared

    def seconds_to_next(self) -> float | None:
        """Return how long nothing will be due; None where nothing ever will."""
        with self.scopes.open(ENGINE) as scope:
            now = scope.due_now()
            due = leases.next_due(scope.read, now=now)
        return None if due is None else max(0.0, due - now)

    def take_over(self) -> None:
        """Free what a dead process held. On SQLite there is no other process; on PostgreSQL leases run out."""
        if self.scopes.app_context.database.is_sqlite:
            with self.scopes.open(ENGINE) as scope:
                freed = leases.release(scope.write)
                queue_stats.count(scope.write, TAKEN_OVER, freed)
        reached(CrashPoint.TAKEN_OVER)

    def release(self) -> None:
        """Give back what this process holds, so that the next one need not wait for the leases' end."""
        self.tasks.close()
        with self.scopes.open(ENGINE) as scope:
            leases.release(scope.write, self._token)

    def _count(self, name: str) -> None:
        with self.scopes.open(ENGINE) as scope:
            queue_stats.count(scope.write, name)

    def safely(self, step: Callable[[], object]) -> Exception | None:
        """Do a step; return the error that broke it off, if one did. Nothing may stop the clockwork."""
        try:
            step()
        except LeaseLost as lost:
            return lost
        except DomainError as error:
            log.warning("the engine tries again later: %s", error.message)
            return error
        except Exception as error:
            log.exception("the engine goes on after an error of its own")
            return error
        return None
