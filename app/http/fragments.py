"""Parts of pages that browsers ask for again and again: "nothing changed" costs a look at a number, and what did change
is rendered once for all who ask alike.

The number counts what was written (`Scope.changes`). A version is that number as the pages are told it, at most once in
a while however much is written, and at least every half minute: ages and what stands outside the database change, too.
"""

import secrets
import time
from collections.abc import Callable

AT_MOST_EVERY_S = 1.2  # pages ask every 1.5 s: together less than the 3 s within which a list shows a new job
AT_LEAST_EVERY_S = 30.0
_MOST_KEPT = 200


class Fragments:
    """The parts that one application has rendered, and the version that they have."""

    def __init__(
        self, *, at_most_every: float = AT_MOST_EVERY_S, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_most_every = at_most_every
        self._seconds = seconds
        self._process = secrets.token_hex(4)  # another process counts from 0 again
        self._current = 0
        self._changed_at = float("-inf")
        self._kept: dict[tuple[str, ...], str] = {}
        self._kept_version = ""

    def version(self, changes: int) -> str:
        """Return the version of what was read when so much had been written, as an entity tag.

        It never is newer than what was read: a page that carries it asks once too often rather than once too little.
        """
        now = self._seconds()
        if changes > self._current and now - self._changed_at >= self._at_most_every:
            self._current, self._changed_at = changes, now
        return f'"{self._process}.{min(changes, self._current)}.{int(now / AT_LEAST_EVERY_S)}"'

    def get(self, key: tuple[str, ...], version: str, render: Callable[[], str]) -> str:
        """Return the part that belongs to a key, rendered if nobody has asked for it since the version changed."""
        if version != self._kept_version or len(self._kept) >= _MOST_KEPT:
            self._kept, self._kept_version = {}, version
        kept = self._kept  # another thread may begin a new one meanwhile
        text = kept.get(key)
        if text is None:
            text = kept[key] = render()
        return text
