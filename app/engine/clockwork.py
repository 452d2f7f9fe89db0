"""What turns the engine in a server: one task that looks what is due, and a few threads that act."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from threading import Lock

from app.engine.engine import LEASE_S, Engine
from app.services.scope import Scopes

WORKERS = 4


class Clockwork:
    """Turns an engine until it is told to stop. Looks at the due indexes every `interval_s`, sooner when nudged."""

    def __init__(
        self, scopes: Scopes, *, interval_s: float = 1.0, lease_s: float = LEASE_S, workers: int = WORKERS
    ) -> None:
        self.engine = Engine(scopes, lease_s=lease_s)
        self._interval_s = interval_s
        self._workers = workers
        self._wake: Callable[[], None] = _nobody
        self._under_way: set[Future[None]] = set()
        self._lock = Lock()

    @property
    def last_tick(self) -> datetime | None:
        """When the engine last looked what was due: the heartbeat."""
        return self.engine.last_tick

    def nudge(self) -> None:
        """Make the clockwork look now; may be called from any thread, also when nothing runs."""
        self._wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep going until `stop` is set; then finish what is under way and give the leases back."""
        loop, wake = asyncio.get_running_loop(), asyncio.Event()
        pool = ThreadPoolExecutor(self._workers + 1, thread_name_prefix="engine")
        stopping = asyncio.create_task(stop.wait())
        self._wake = lambda: _set_from_thread(loop, wake)
        try:
            await loop.run_in_executor(pool, self.engine.safely, self.engine.take_over)
            while not stop.is_set():
                wake.clear()
                wait = await loop.run_in_executor(pool, self._beat, pool)
                nudged = asyncio.create_task(wake.wait())
                await asyncio.wait({stopping, nudged}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                nudged.cancel()
        finally:
            stopping.cancel()
            await asyncio.to_thread(pool.shutdown)
            self._wake = _nobody
            await asyncio.to_thread(self.engine.safely, self.engine.release)

    def _beat(self, pool: ThreadPoolExecutor) -> float:
        """Hand what is due to free workers; return how many seconds may pass before the next look."""
        waits: list[float] = [self._interval_s]

        def step() -> None:
            self._hand_out(pool)
            due_in = self.engine.seconds_to_next() if self._free() else None
            waits.extend([] if due_in is None else [due_in])

        self.engine.safely(step)
        return min(waits)

    def _hand_out(self, pool: ThreadPoolExecutor) -> None:
        free = self._free()
        for claim in self.engine.claim(free) if free else []:
            future = pool.submit(self.engine.reconcile, claim)
            with self._lock:
                self._under_way.add(future)
            future.add_done_callback(self._done)
        self.engine.maintain()

    def _done(self, future: Future[None]) -> None:
        with self._lock:
            self._under_way.discard(future)
        self.nudge()

    def _free(self) -> int:
        with self._lock:
            return self._workers - len(self._under_way)


def _nobody() -> None:
    """Nobody is there to be woken."""


def _set_from_thread(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)
