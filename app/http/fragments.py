"""Parts of pages that browsers ask for again and again: "nothing changed" costs a look at a number, and what did change
is rendered once for all who ask alike, also when they ask at the same instant.

The number counts what was written (`Scope.changes`). A version is that number as the pages are told it, at most once in
a while however much is written, and at least every half minute: ages and what stands outside the database change, too.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from anyio import CapacityLimiter, Lock, to_thread

AT_MOST_EVERY_S = 1.3  # pages ask every 1.5 s: together less than the 3 s within which a list shows a new job
AT_LEAST_EVERY_S = 30.0
_MOST_KEPT = 200
_AT_ONCE = 2  # rendered together, parts contend for the interpreter and cost more; one that is slow holds up no other


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """How new a part is; as a text it is the entity tag (RFC 9110, 8.8.3) that pages carry."""

    changes: int
    half_minute: int
    process: str = field(compare=False)  # another process counts from 0 again

    def __str__(self) -> str:
        return f'"{self.process}.{self.changes}.{self.half_minute}"'


@dataclass(slots=True)
class _Kept:
    """A part as it was rendered last; whoever has it rendered holds the lock, and whoever asks meanwhile waits."""

    lock: Lock = field(default_factory=lambda: Lock(fast_acquire=True))
    version: Version | None = None
    content: bytes = b""


class Fragments:
    """The parts that one application has rendered, and the version that they have."""

    def __init__(
        self, *, at_most_every: float = AT_MOST_EVERY_S, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_most_every = at_most_every
        self._seconds = seconds
        self._process = secrets.token_hex(4)
        self._current = 0
        self._changed_at = float("-inf")
        self._kept: dict[tuple[str, ...], _Kept] = {}
        self._lanes = CapacityLimiter(_AT_ONCE)

    def version(self, changes: int) -> Version:
        """Return the version of what was read when so much had been written.

        It never is newer than what was read: a page that carries it asks once too often rather than once too little.
        """
        now = self._seconds()
        if changes > self._current and now - self._changed_at >= self._at_most_every:
            self._current, self._changed_at = changes, now
        return Version(min(changes, self._current), int(now / AT_LEAST_EVERY_S), self._process)

    async def get(self, key: tuple[str, ...], version: Version, render: Callable[[], str]) -> tuple[Version, bytes]:
        """Return the part that belongs to a key and its version, rendered in a thread if there is only an older one.

        Whoever began to read before the last change is given what was rendered since: it is newer than asked for.
        What is there already takes no thread, and neither does waiting for it.
        """
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept = {}
            kept = self._kept[key] = _Kept()
        async with kept.lock:
            if kept.version is None or kept.version < version:
                kept.content, kept.version = (await to_thread.run_sync(render, limiter=self._lanes)).encode(), version
            return kept.version, kept.content
