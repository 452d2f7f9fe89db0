"""Calls with an end: work is done in a thread of its own, within a time, and never by more threads than a bound.

azure-core and azure-ai-ml are synchronous and may wait longer than a look may take. Whoever asked goes on at the
deadline; the thread is told by `remaining_s()` that nobody waits for it any more, and begins no further request.
"""

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Semaphore, Thread
from time import monotonic
from typing import TypeVar

T = TypeVar("T")
_END: contextvars.ContextVar[float | None] = contextvars.ContextVar("azure_end", default=None)


class DeadlineExceeded(Exception):
    """The work was begun and did not end in time: it may have been done, or be done later."""


class NotStarted(Exception):
    """All threads were busy until the deadline: surely nothing was sent."""


def remaining_s() -> float | None:
    """Return the seconds that the running work still has (negative: none); None outside of any."""
    end = _END.get()
    return None if end is None else end - monotonic()


class Deadlines:
    """Runs work with an end. Threads are daemons: a server that stops does not wait for Azure."""

    def __init__(self, threads: int) -> None:
        self._free = Semaphore(threads)

    def run(self, work: Callable[[], T], seconds: float) -> T:
        """Return what `work` returns, or raise what it raises; work within work shares the outer deadline.

        Raises:
            NotStarted: no thread became free in time.
            DeadlineExceeded: it was begun, and has not ended.
        """
        if _END.get() is not None:
            return work()
        end = monotonic() + seconds
        if not self._free.acquire(timeout=seconds):
            raise NotStarted
        result: Future[T] = Future()
        Thread(target=self._do, args=(work, end, result), name="azure", daemon=True).start()
        wait([result], max(0.0, end - monotonic()))
        if not result.done():
            raise DeadlineExceeded
        return result.result()

    def _do(self, work: Callable[[], T], end: float, result: Future[T]) -> None:
        try:
            _END.set(end)
            found = work()
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits, which raises it
            self._free.release()
            result.set_exception(error)
        else:
            self._free.release()
            result.set_result(found)
