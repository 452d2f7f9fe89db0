"""The reconciler: claim what is due, act without a transaction, record; with nothing in memory to lose."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from threading import Lock

from app.domain.actors import ENGINE
from app.engine.datasets import Checking
from app.engine.housekeeping import Housekeeping
from app.engine.levels import ACTS, NOTHING, broke_off
from app.engine.turn import LeaseLost, Turn
from app.services.scope import Scopes
from app.store import leases
from app.store.leases import Claim

LEASE_S = 60.0  # longer than any backend call may take (20 s), short enough to be taken over soon
BEAT_S = 2.0  # the clockwork looks at the due index at least this often; a nudge makes it sooner
WORKERS = 4
_ROUND = 1000  # rows claimed at once by `tick`

log = logging.getLogger(__name__)


class Engine:
    """One clockwork. `alone`: whether no other process works on this database (SQLite), so that what is still held
    at the start belongs to the dead.
    """

    def __init__(self, scopes: Scopes, *, workers: int = WORKERS, lease_s: float = LEASE_S, alone: bool = True) -> None:
        self.last_tick: datetime | None = None
        self._scopes = scopes
        self._workers = workers
        self._lease_s = lease_s
        self._alone = alone
        self._token = secrets.token_hex(8)
        self.checking = Checking(scopes)
        self._housekeeping = Housekeeping(scopes)
        self._acts = {**ACTS, "datasets": self.checking.act}
        self._wake: Callable[[], None] = lambda: None
        self._under_way: set[Future[None]] = set()
        self._lock = Lock()

    def nudge(self) -> None:
        """Make the clockwork look now; may be called from any thread, also when nothing runs."""
        self._wake()

    def tick(self) -> int:
        """Do one whole round for everything that is due now, here and in order; return how many rows acted."""
        claims = self._claim(_ROUND)
        for claim in claims:
            self._act(claim)
        self._beat_done()
        return len(claims)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the clockwork going until `stop` is set; then finish what is under way and give the leases back."""
        loop, wake = asyncio.get_running_loop(), asyncio.Event()
        pool = ThreadPoolExecutor(self._workers + 1, thread_name_prefix="engine")
        stopping = asyncio.create_task(stop.wait())
        self._wake = lambda: _set_from_thread(loop, wake)
        try:
            await loop.run_in_executor(pool, self._safely, self._take_over)
            while not stop.is_set():
                wake.clear()
                wait = await loop.run_in_executor(pool, self._beat, pool)
                nudged = asyncio.create_task(wake.wait())
                await asyncio.wait({stopping, nudged}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                nudged.cancel()
        finally:
            stopping.cancel()
            self.checking.close()
            await asyncio.to_thread(pool.shutdown)
            self._wake = lambda: None
            await asyncio.to_thread(self._safely, self._release)

    def _beat(self, pool: ThreadPoolExecutor) -> float:
        """Hand what is due to free workers; return how many seconds may pass before the next look."""
        if self._safely(lambda: self._hand_out(pool)) is not None or self._free() == 0:
            return BEAT_S
        with self._scopes.open(ENGINE) as scope:
            now = scope.due_now()
            due = leases.next_due(scope.read, now=now)
        return BEAT_S if due is None else min(BEAT_S, max(0.0, due - now))

    def _hand_out(self, pool: ThreadPoolExecutor) -> None:
        free = self._free()
        for claim in self._claim(free) if free else []:
            future = pool.submit(self._act, claim)
            with self._lock:
                self._under_way.add(future)
            future.add_done_callback(self._done)
        self._beat_done()

    def _done(self, future: Future[None]) -> None:
        with self._lock:
            self._under_way.discard(future)
        self.nudge()

    def _free(self) -> int:
        with self._lock:
            return self._workers - len(self._under_way)

    def _beat_done(self) -> None:
        now = self._scopes.house.clock.now()
        self._housekeeping.turn(now)
        self.last_tick = now

    def _claim(self, limit: int) -> list[Claim]:
        """Claim up to `limit` due rows; the write lock is not even asked for when nothing is due."""
        with self._scopes.open(ENGINE) as scope:
            now = scope.due_now()
            due = leases.next_due(scope.read, now=now)
            claims: list[Claim] = []
            if due is None or due > now:
                return claims
            for table in leases.TABLES:
                room = limit - len(claims)
                if room > 0:
                    claims += leases.claim(
                        scope.write, table, now=now, lease_s=self._lease_s, limit=room, token=self._token
                    )
            return claims

    def _act(self, claim: Claim) -> None:
        turn = Turn(self._scopes, claim)
        error = self._safely(lambda: turn.record(self._acts[claim.table](turn) or NOTHING))
        if isinstance(error, LeaseLost):
            log.info("somebody else has %s by now; what was found is dropped", claim.id)
        elif error is not None:
            self._safely(lambda: turn.record(broke_off(turn, error)))

    def _take_over(self) -> None:
        if self._alone:
            with self._scopes.open(ENGINE) as scope:
                leases.release(scope.write)

    def _release(self) -> None:
        with self._scopes.open(ENGINE) as scope:
            leases.release(scope.write, self._token)

    def _safely(self, step: Callable[[], object]) -> Exception | None:
        """Do a step; return the error that broke it off, if one did. Nothing may stop the clockwork."""
        try:
            step()
        except LeaseLost as lost:
            return lost
        except Exception as error:
            log.exception("the engine goes on after an error of its own")
            return error
        return None


def _set_from_thread(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)
