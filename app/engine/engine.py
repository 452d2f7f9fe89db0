"""The reconciler: claim what is due, act without a transaction, record; with nothing in memory to lose."""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime

from app.domain.actors import ENGINE
from app.domain.errors import DomainError
from app.engine.errands import Errands
from app.engine.housekeeping import Housekeeping
from app.engine.levels import ACTS, NOTHING, broke_off
from app.engine.survey import Survey
from app.engine.sweep import Sweep
from app.engine.turn import LeaseLost, Turn
from app.kit.crash_points import CrashPoint, reached
from app.services.scope import Scopes
from app.store import leases, levels
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
        self.errands = Errands(scopes.house.at_once_bytes)
        self.last_tick: datetime | None = None
        self._lease_s = lease_s
        self._token = secrets.token_hex(8)
        self.surveyed = 0  # trainings that needed no turn of their own, in this process
        self._survey = Survey(scopes)
        self._housekeeping = Housekeeping(scopes, Sweep(scopes, self.errands))

    def tick(self) -> int:
        """Do one whole round for everything that is due now, here and in order; return how many rows acted."""
        claims = self.claim(_ROUND)
        for claim in claims:
            self.act(claim)
        return len(claims) + self.keep_house()

    def claim(self, limit: int) -> list[Claim]:
        """Claim up to `limit` due rows; the write lock is not even asked for when nothing is due."""
        with self.scopes.open(ENGINE) as scope:
            now = scope.due_now()
            due = leases.next_due(scope.read, now=now)
            claims: list[Claim] = []
            if due is None or due > now:
                return claims
        surveyed = self._survey.turn()
        self.surveyed += surveyed
        with self.scopes.open(ENGINE) as scope:
            left = leases.next_due(scope.read, now=now) if surveyed else due
            if left is None or left > now:
                return claims
            for table in leases.TABLES:
                room = limit - len(claims)
                if room > 0:
                    claims += leases.claim(
                        scope.write, table, now=now, lease_s=self._lease_s, limit=room, token=self._token
                    )
            if claims:
                levels.count(scope.write, TURNS, len(claims))
            return claims

    def act(self, claim: Claim) -> None:
        """Act on a claimed row and record what it came to; whatever goes wrong is noted and tried again later."""
        reached(CrashPoint.CLAIMED)
        turn = Turn(self.scopes, claim, self.errands)
        error = self.safely(lambda: turn.record(ACTS[claim.table](turn) or NOTHING))
        if isinstance(error, LeaseLost):
            log.info("somebody else has %s by now; what was found is dropped", claim.id)
            self.safely(lambda: self._count(LEASES_LOST))
        elif error is not None:
            self.safely(lambda: self._count(BROKEN_OFF))
            self.safely(lambda: turn.record(broke_off(turn, error)))

    def keep_house(self) -> int:
        """Clear up, and note that the engine is alive; return how many things were cleared up."""
        now = self.scopes.house.clock.now()
        cleared = self._housekeeping.turn(now)
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
        if self.scopes.house.database.is_sqlite:
            with self.scopes.open(ENGINE) as scope:
                freed = leases.release(scope.write)
                levels.count(scope.write, TAKEN_OVER, freed)
        reached(CrashPoint.TAKEN_OVER)

    def release(self) -> None:
        """Give back what this process holds, so that the next one need not wait for the leases' end."""
        self.errands.close()
        with self.scopes.open(ENGINE) as scope:
            leases.release(scope.write, self._token)

    def _count(self, name: str) -> None:
        with self.scopes.open(ENGINE) as scope:
            levels.count(scope.write, name)

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
