"""How far long work on files is, told by the readers of its bytes and asked for by pages; lost with the process."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

_heard: ContextVar[Callable[[float], None] | None] = ContextVar("heard", default=None)


def passed(size: float) -> None:
    """Say that so many more bytes have been worked on; nothing where nobody counts."""
    hear = _heard.get()
    if hear is not None:
        hear(size)


@contextmanager
def counted_as(size: float, *, of: float) -> Iterator[None]:
    """Count the `of` bytes that are passed within the block as `size`: never as more, and in the end as no less."""
    hear, left = _heard.get(), size
    if hear is None:
        yield
        return

    def scaled(more: float) -> None:
        nonlocal left
        share = min(more * size / of, left) if of else 0.0
        left -= share
        hear(share)

    before = _heard.set(scaled)
    try:
        yield
    finally:
        _heard.reset(before)
    hear(left)


class CountedFile(io.FileIO):
    """A file that is read once, from its beginning to its end: what is read of it is passed."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes at most."""
        data = super().read(size) or b""
        passed(len(data))
        return data

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 -- what has the buffer protocol
        """Fill a buffer; return how many bytes it got."""
        size = super().readinto(buffer) or 0
        passed(size)
        return size


class Furthest:
    """How far a file has been read that is opened several times: each of its bytes is passed once."""

    def __init__(self) -> None:
        self._at = 0

    def reached(self, at: int) -> None:
        """Pass what lies between the furthest byte before and this one."""
        if at > self._at:
            passed(at - self._at)
            self._at = at


class Progress:
    """The work under way, by its key."""

    def __init__(self) -> None:
        self._done: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    @contextmanager
    def of(self, key: str, total: float) -> Iterator[None]:
        """Count what is passed within the block, in this thread, as work of so many bytes."""

        def hear(size: float) -> None:
            with self._lock:
                done, whole = self._done.get(key, (0.0, total))
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
            done, total = self._done.get(key, (0.0, 0.0))
        return min(done / total, 1.0) if total else None
