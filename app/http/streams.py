"""Server-sent events: what the API's JSON streams and the pages' live fragments have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi.sse import format_sse_event

MEDIA_TYPE = "text/event-stream"
LOOK_EVERY_S = 0.5
KEEP_ALIVE_S = 15.0
# How long a browser waits before it comes back after a broken connection, in milliseconds.
RETRY_MS = 1000


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: messages in wire form, and whether nothing more will come."""

    messages: Sequence[bytes] = ()
    last: bool = False


def message(data: str, *, event: str | None = None, identifier: str | None = None) -> bytes:
    """Return one message in wire form; `data` may have several lines."""
    return format_sse_event(data_str=data, event=event, id=identifier)
