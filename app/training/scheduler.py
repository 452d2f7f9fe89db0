"""Who is answered now: requests join the running ones between tokens, as far as memory goes; some may wait."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from app.training.batching import Decoder
from app.training.sampling import Generation

_SHARE = 0.8  # of the memory that is free, for keys and values
STALLED_S = 600.0  # without the model coming back for so long, it is taken for stuck


class Busy(Exception):
    """As many requests wait as may."""


class Scheduler:
    """Lets generations join, and makes tokens of those that are there, turn by turn.

    `waiting` requests may wait for room. `memory` returns the bytes that are free where the model is, None where nobody
    knows. Beyond what they are enough for nobody joins; one alone always does. Where the running ones outgrow them, the
    youngest goes back to the head of the line and goes on later from the tokens that it has.
    """

    def __init__(
        self,
        maker: Decoder,
        *,
        waiting: int,
        memory: Callable[[], int | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._decoder, self._waiting_most, self._memory, self._clock = maker, waiting, memory, clock
        self._waiting: deque[Generation] = deque()
        self._is_full = False  # memory, or the rows, kept somebody waiting at the last turn
        self._changed = threading.Condition()
        self._closed = False
        self._seen = (0, clock())
        self._thread: threading.Thread | None = None

    def submit(self, generation: Generation) -> None:
        """Put a generation in line; its tokens are made by a thread of the scheduler's own.

        Raises:
            Busy: too many wait already.
        """
        with self._changed:
            room = 0 if self._is_full else self._decoder.most_rows - self._rows
            if len(self._waiting) >= self._waiting_most + room:
                raise Busy
            self.enqueue([generation])
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="generate", daemon=True)
                self._thread.start()
            self._changed.notify()

    def enqueue(self, generations: Sequence[Generation]) -> None:
        """Put generations in line, however many; their tokens are made by whoever calls `turn`."""
        with self._changed:
            if self._is_idle:
                self._seen = (self._decoder.progress, self._clock())
            self._waiting.extend(generations)

    def turn(self) -> bool:
        """Let join who can, make one token of each, and tell whether anything is left to do.

        Whatever fails ends the generations that it was about, and them alone.
        """
        try:
            self._make_room()
            self._admit()
            self._decoder.step()
        except Exception as error:  # noqa: BLE001 -- what a model raises the decoder has told of; this is of neither
            self._decoder.fail(error)
        return not self._is_idle

    @property
    def stalled_s(self) -> float:
        """For how long the model has not come back, while it had something to do; ask now and then."""
        with self._changed:
            progress, since = self._seen
            now = self._clock()
            if self._is_idle or self._decoder.progress != progress:
                self._seen = (self._decoder.progress, now)
                return 0.0
            return now - since

    def close(self) -> None:
        """End the thread once it has made its token; whoever still waits or runs is cancelled."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    @property
    def _is_idle(self) -> bool:
        return not (self._waiting or self._decoder.joining or self._decoder.running)

    @property
    def _rows(self) -> int:
        """How many are being answered; who is over or cancelled leaves with the next token."""
        there = (*self._decoder.joining, *self._decoder.running)
        return sum(not (generation.is_over or generation.cancelled.is_set()) for generation in there)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or not self._is_idle)
                if self._closed:
                    break
            self.turn()
        for generation in (*self._decoder.joining, *self._decoder.running, *self._waiting):
            generation.close()

    def _make_room(self) -> None:
        while len(self._decoder.running) > 1 and not self._fits(()):
            generation = self._decoder.put_back()
            with self._changed:
                self._waiting.appendleft(generation)

    def _admit(self) -> None:
        with self._changed:
            for generation in self._waiting:
                if generation.cancelled.is_set():
                    generation.close()
            self._waiting = deque(generation for generation in self._waiting if not generation.is_over)
            news: list[Generation] = []
            while self._waiting and self._has_room([*news, self._waiting[0]]):
                news.append(self._waiting.popleft())
            if news:
                self._decoder.join(news)
            self._is_full = bool(self._waiting)

    def _has_room(self, news: Sequence[Generation]) -> bool:
        rows = len(self._decoder.joining) + len(self._decoder.running) + len(news)
        return rows == 1 or (rows <= self._decoder.most_rows and self._fits(news))

    def _fits(self, news: Sequence[Generation]) -> bool:
        needed = self._decoder.growth(news)
        if not needed:
            return True
        free = self._memory()
        return free is None or needed <= free * _SHARE
