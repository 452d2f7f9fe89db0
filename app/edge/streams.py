"""Server-sent events: what the API's JSON streams and the pages' live fragments have in common.

Each look happens in a worker thread with a scope of its own, so that a thousand open streams hold no connection.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from anyio import to_thread
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse

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


def event_stream(look: Callable[[], Look], *, every: float = LOOK_EVERY_S) -> StreamingResponse:
    """Answer with whatever `look` finds, `every` so many seconds, until it says that it was the last time."""
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # nginx would keep the events back
    return StreamingResponse(_watch(look, every), headers=headers, media_type=MEDIA_TYPE)


async def _watch(look: Callable[[], Look], every: float) -> AsyncIterator[bytes]:
    yield format_sse_event(retry=RETRY_MS)
    silent = 0.0
    while True:
        found = await to_thread.run_sync(look)
        for each in found.messages:
            yield each
        if found.last:
            return
        silent = 0.0 if found.messages else silent + every
        if silent >= KEEP_ALIVE_S:
            silent = 0.0
            yield KEEPALIVE_COMMENT
        await asyncio.sleep(every)
