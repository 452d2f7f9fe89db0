"""A clock for tests."""

from datetime import UTC, datetime, timedelta


class TurnedClock:
    """A clock that stands still until somebody turns it."""

    def __init__(self, start: datetime = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the moment that the hands show."""
        return self._now

    def turn(self, by: timedelta) -> None:
        """Move the hands forward."""
        self._now += by
