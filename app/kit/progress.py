"""How far long work on files is, told by the readers of its bytes and asked for by pages; lost with the process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

_heard: ContextVar[Callable[[int], None] | None] = ContextVar("heard", default=None)


def passed(size: int) -> None:
    """Say that so many more bytes have been worked on; nothing where nobody counts."""
    hear = _heard.get()
    if hear is not None:
        hear(size)


class Progress:
    """The work under way, by its key."""

    def __init__(self) -> None:
        self._done: dict[str, tuple[int, int]] = {}
        self._lock = Lock()

    @contextmanager
    def of(self, key: str, total: int) -> Iterator[None]:
        """Count what is passed within the block, in this thread, as work of so many bytes."""

        def hear(size: int) -> None:
            with self._lock:
                done, whole = self._done.get(key, (0, total))
                self._done[key] = (done + size, whole)

        before = _heard.set(hear)
        hear(0)
        try:
            yield
        finally:
            _heard.reset(before)
            with self._lock:
                self._done.pop(key, None)

    def share(self, key: str) -> float | None:
        """Return how much of the work is done, 0 to 1; None where none of that key is under way in this process."""
        with self._lock:
            done, total = self._done.get(key, (0, 0))
        return min(done / total, 1.0) if total else None
