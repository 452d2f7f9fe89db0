"""The cloud's clock: it stands still until a test turns it, or runs, as fast as a test wants."""

import threading
from datetime import UTC, datetime, timedelta

from app.kit.clock import Clock, SystemClock


class CloudClock:
    """Now, plus what it was turned by; with `speed` it runs by itself, that many times as fast as the machine's."""

    def __init__(
        self,
        start: datetime | None = None,
        *,
        speed: float = 0.0,
        beside: Clock | None = None,
        zero: datetime | None = None,
    ) -> None:
        """`zero` is when, by the machine's clock, this one showed `start`: now, unless another process began it."""
        self._beside = beside or SystemClock()
        self._zero = zero or self._beside.now()
        self._start = start or self._zero
        self._turned = timedelta()
        self._speed = speed
        self._lock = threading.Lock()

    @property
    def began(self) -> datetime:
        """When this clock began to run, by the machine's."""
        return self._zero

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ran = (self._beside.now() - self._zero) * self._speed
        return (self._start + self._turned + ran).astimezone(UTC)

    def turn(self, by: timedelta | float) -> None:
        """Move the hands forward by a span, or by seconds."""
        with self._lock:
            self._turned += by if isinstance(by, timedelta) else timedelta(seconds=by)
