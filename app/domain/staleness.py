"""Whether what a page shows of a thing is old: the last word is told with its time, never as if it were the present."""

from datetime import datetime, timedelta
from typing import Protocol

LATE = timedelta(seconds=30)  # so much may a look come later than planned before anybody is told


class Watched(Protocol):
    """Something that the engine looks at."""

    @property
    def observed_at(self) -> datetime | None:
        """When the backend last answered."""
        ...

    @property
    def next_look_at(self) -> datetime | None:
        """When the engine looks next; None: never again."""
        ...

    @property
    def ended_at(self) -> datetime | None:
        """When it was over; nothing about it grows old then, whatever is still done for it."""
        ...

    @property
    def failing_since(self) -> datetime | None:
        """Since when every try has failed."""
        ...


def stale_since(thing: Watched, now: datetime) -> datetime | None:
    """Return since when nobody knows how the thing is; None where what is shown is as fresh as planned.

    Stale is what could not be looked at, and what should have been looked at long ago (an engine that stands still).
    """
    if thing.ended_at is not None or thing.observed_at is None or thing.next_look_at is None:
        return None
    overdue = now > max(thing.next_look_at, thing.observed_at) + LATE
    failing = thing.failing_since is not None and thing.failing_since >= thing.observed_at
    return thing.observed_at if overdue or failing else None
