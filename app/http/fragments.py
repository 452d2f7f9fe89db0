"""Parts of pages that browsers ask for again and again: "nothing changed" costs a look at a number, and what did change
is rendered once for all who ask alike, also when they ask at the same instant.

The number counts what was written (`Scope.changes`); a version is that number, and another one every half minute: ages
and what stands outside the database change, too. Whoever shows some version already is given a newer one at most once
in a while however much is written, and every answer says when to ask again: just as the next one may be had.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from anyio import CapacityLimiter, Lock, to_thread

RENDERED_EVERY_S = 2.4  # a list shows a new job within 3 s, and the rest is for rendering and sending
ASKED_EVERY_S = 1.5  # while nothing is written
_AFTERWARDS_S = 0.05  # timers run a little early, and who asks too early asks twice
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


@dataclass(frozen=True, slots=True)
class Part:
    """What is answered: a version, its content unless it is shown already, and in how many seconds to ask again."""

    version: Version
    content: bytes | None
    ask_again_s: float


@dataclass(slots=True)
class _Kept:
    """A part as it was rendered last; whoever has it rendered holds the lock, and whoever asks meanwhile waits."""

    lock: Lock = field(default_factory=lambda: Lock(fast_acquire=True))
    version: Version | None = None
    content: bytes = b""
    began: float = 0.0  # to be rendered, in the clock's seconds


class Fragments:
    """The parts that one application has rendered, and the version that they have."""

    def __init__(
        self, *, rendered_every: float = RENDERED_EVERY_S, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._rendered_every = rendered_every
        self._seconds = seconds
        self._process = secrets.token_hex(4)
        self._kept: dict[tuple[str, ...], _Kept] = {}
        self._lanes = CapacityLimiter(_AT_ONCE)

    def version(self, changes: int) -> Version:
        """Return the version of what was read when so much had been written."""
        return Version(changes, int(self._seconds() / AT_LEAST_EVERY_S), self._process)

    async def get(
        self, key: tuple[str, ...], changes: int, render: Callable[[], str], shown: str | None = None
    ) -> Part:
        """Return the part that belongs to a key, for who asks when so much has been written.

        `shown` is the version that they show; without one they are given the newest. It is rendered in a thread if
        there is only an older one, or none that is new enough for a while. What is there already takes no thread, and
        neither does waiting for it.
        """
        version, kept = self.version(changes), self._kept.get(key)
        if shown == str(version):
            return Part(version, None, ASKED_EVERY_S)
        if kept is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept = {}
            kept = self._kept[key] = _Kept()
        async with kept.lock:
            if kept.version is None or (kept.version < version and (shown is None or not self._rest(kept))):
                began = self._seconds()
                kept.content = (await to_thread.run_sync(render, limiter=self._lanes)).encode()
                kept.version, kept.began = version, began
        return Part(kept.version, None if self._is_as_new(shown, kept.version) else kept.content, self._again(kept))

    def _rest(self, kept: _Kept) -> float:
        return max(0.0, kept.began + self._rendered_every - self._seconds())

    def _again(self, kept: _Kept) -> float:
        rest = self._rest(kept)
        return rest + _AFTERWARDS_S if rest else ASKED_EVERY_S

    def _is_as_new(self, shown: str | None, version: Version) -> bool:
        """Tell whether somebody shows that version, or a newer one of this process: a page that was loaded since."""
        process, _, numbers = (shown or "").strip('"').partition(".")
        try:
            changes, half_minute = map(int, numbers.split("."))
        except ValueError:
            return False
        return process == self._process and Version(changes, half_minute, process) >= version
