"""The engine's heartbeat, as far as the doors may know of it."""

from datetime import datetime
from typing import Protocol

from starlette.requests import Request


class Ticks(Protocol):
    """What turns the engine."""

    @property
    def last_tick(self) -> datetime | None:
        """When the engine last looked for something due."""
        ...


def tick_age_s(request: Request, now: datetime) -> float | None:
    """Return the seconds since this process's engine last looked; None before its first look."""
    clockwork: Ticks | None = getattr(request.app.state, "clockwork", None)
    tick = None if clockwork is None else clockwork.last_tick
    return None if tick is None else round((now - tick).total_seconds(), 1)
