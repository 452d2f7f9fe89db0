"""Who may use the model now: one at a time, a few may wait, the rest is sent away at once. Standard library only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Busy(Exception):
    """One is at it, and as many wait as may."""


class RequestQueue:
    """One turn at a time; `waiting` more may wait for theirs."""

    def __init__(self, waiting: int) -> None:
        self.inside = 0  # who has the turn, and who waits
        self._most = 1 + waiting
        self._turn, self._count = threading.Lock(), threading.Lock()

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Wait for a turn and have it.

        Raises:
            Busy: when too many wait already; at once.
        """
        with self._count:
            if self.inside >= self._most:
                raise Busy
            self.inside += 1
        try:
            with self._turn:
                yield
        finally:
            with self._count:
                self.inside -= 1
