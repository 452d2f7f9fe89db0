"""What may take longer than a lease: begun once in a thread of its own, and looked at turn by turn.

A turn that needs such a thing begins it and comes back a second later; none waits. What is lost with the process is
begun again by the next one, so a task must be one that may be repeated.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar, cast

from app.services.scope import AT_ONCE_BYTES

T = TypeVar("T")
_THREADS = 2


class NotReady(Exception):
    """The task is not done yet: look again later."""


class BackgroundTasks:
    """The tasks of this process, by key."""

    def __init__(self, from_bytes: int = AT_ONCE_BYTES) -> None:
        """Files of more than `from_bytes` are worked on beside the turns; smaller ones take less than a lease."""
        self.from_bytes = from_bytes
        self._files = ThreadPoolExecutor(_THREADS, thread_name_prefix="task")
        self._calls = ThreadPoolExecutor(_THREADS, thread_name_prefix="call")  # a slow provider keeps no file waiting
        self._under_way: dict[str, Future[Any]] = {}
        self._lock = Lock()

    def result(self, key: str, task: Callable[[], T], *, calls_out: bool = False) -> T:
        """Return what the task of that key came to, once; begin it if nobody has. `calls_out`: it asks a provider.

        Raises:
            NotReady: as long as it is not done.
            Exception: whatever the task raised; the next call begins anew.
        """
        with self._lock:
            future = self._under_way.get(key)
            if future is None:
                self._under_way[key] = (self._calls if calls_out else self._files).submit(task)
                raise NotReady(key)
            if not future.done():
                raise NotReady(key)
            del self._under_way[key]
        return cast("T", future.result())

    def forget(self, key: str) -> None:
        """Do not keep what a task comes to; nobody wants it any more."""
        with self._lock:
            future = self._under_way.pop(key, None)
        if future is not None:
            future.cancel()

    def wait(self) -> None:
        """Wait until every task under way has come to its end."""
        for future in list(self._under_way.values()):
            future.exception()

    def close(self) -> None:
        """Take no more work, and do not wait for what is under way."""
        for pool in (self._files, self._calls):
            pool.shutdown(wait=False, cancel_futures=True)
