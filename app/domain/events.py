"""The journal: what happened to a thing, in order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventLevel(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the journal. `number` rises with every entry of the installation."""

    number: int
    subject: str  # the id of the thing it happened to
    at: datetime
    level: EventLevel
    kind: str  # status | remote | request | note
    message: str
    actor: str = ""  # the id of who did it; "" where a provider told it
