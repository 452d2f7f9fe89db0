"""One look for all viewers: whoever watches the same thing is sent the same bytes.

A topic (one job's page, say) has one task. It looks once in a while, however many watch, and writes what it finds to
every connection that takes it at once; where one does not, a task of the viewer's own goes on with it, and a short
queue holds what comes meanwhile. A viewer who is new, or comes back with the id of the last message that arrived, is
first brought up to date by a look of its own, in the same moment of the database as the topic's: nothing is lost in
between, and nothing comes twice. A viewer too slow to empty its queue loses its place in the row, not its messages:
once it has taken what was on its way, it is brought up to date like one who comes back. Nobody waits for anybody.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from types import coroutine
from typing import Any, Protocol

from anyio import to_thread
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from app.http.dependencies import OpenScope
from app.http.streams import KEEP_ALIVE_S, LOOK_EVERY_S, MEDIA_TYPE, RETRY_MS, Look
from app.services.scope import Scope

QUEUE = 8  # looks on their way to one viewer
HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # nginx would keep the events back
_RETRY = format_sse_event(retry=RETRY_MS)

log = logging.getLogger("tunedesk")


class Stream(Protocol):
    """What is told of one thing, from some place on."""

    def look_in(self, scope: Scope) -> Look:
        """Return what has happened since the last look; cheap while nothing has."""
        ...

    def catch_up(self, other: "Stream") -> None:
        """Let another stream of the same thing, that has come as far, go on from here: ids must rise for it, too."""
        ...

    @property
    def event_id(self) -> str:
        """The id of the last message."""
        ...


Make = Callable[[str | None], Stream]


class _Piece:
    """What is sent at once; `place` is the id of the last message in it, "" where it has none."""

    def __init__(self, data: bytes, event_id: str = "", *, last: bool = False) -> None:
        self.event_id = event_id
        self.last = last
        self.message: Message | None = {"type": "http.response.body", "body": data, "more_body": True} if data else None


class _Viewer:
    """One open connection. `behind` means that it was left out, `ended` that nothing more will come."""

    def __init__(self, last_id: str | None, send: Send) -> None:
        self.last_id = last_id
        self.behind = False
        self.ended = False
        self.gone = False
        self._send = send
        self._pieces: deque[_Piece] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Event()

    def offer(self, piece: _Piece) -> None:
        """Write a piece, or put it into the queue; a viewer whose queue is full is left behind until it is empty."""
        if self.behind or self.gone:
            return
        if self._writing is not None:
            if len(self._pieces) >= QUEUE:
                self.behind = True
            else:
                self._pieces.append(piece)
            return
        try:
            rest = _begun(self._send(piece.message)) if piece.message is not None else None
        except OSError:
            self._hung_up()
            return
        if rest is None:
            self._sent(piece)
        else:
            self._writing = asyncio.create_task(self._go_on(rest, piece))

    async def turn(self) -> None:
        """Return once the viewer is behind with an empty queue, or at its end."""
        await self._turn.wait()
        self._turn.clear()

    def leave(self) -> None:
        """Write nothing more."""
        self.gone = True
        if self._writing is not None:
            self._writing.cancel()

    @property
    def waiting(self) -> int:
        """How many pieces are in the queue."""
        return len(self._pieces)

    async def _go_on(self, rest: Awaitable[None], piece: _Piece) -> None:
        try:
            await rest
            self._sent(piece)
            while self._pieces:
                piece = self._pieces.popleft()
                if piece.message is not None:
                    await self._send(piece.message)
                self._sent(piece)
        except OSError:
            self._hung_up()
        finally:
            self._writing = None
        if self.behind:
            self._turn.set()

    def _hung_up(self) -> None:
        self.gone = self.ended = True
        self._turn.set()

    def _sent(self, piece: _Piece) -> None:
        self.last_id = piece.event_id or self.last_id
        if piece.last:
            self.ended = True
            self._turn.set()


def _begun(write: Awaitable[None]) -> Awaitable[None] | None:
    """Let a write run to where it waits, and return its rest; None where it waited for nothing.

    A write nearly always goes through at once. To hand each to a task first costs as much as the write itself
    (Python 3.12 has eager tasks for this).
    """
    steps = write.__await__()
    try:
        waits_for = next(steps)
    except StopIteration:
        return None
    return _rest(steps, waits_for)


@coroutine
def _rest(steps: Generator[Any, None, None], waits_for: object) -> Generator[object, None, None]:
    try:
        yield waits_for
        yield from steps
    finally:
        steps.close()


class _Topic:
    """One thing that is watched."""

    def __init__(self, open_scope: OpenScope, make: Make, every: float) -> None:
        self.open_scope = open_scope
        self.make = make
        self.every = every
        self.shared: Stream | None = None
        self.viewers: set[_Viewer] = set()
        self.newcomers: list[_Viewer] = []
        self.looks = 0  # for whoever wants to know what watching costs
        self.over = False
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Look until nobody watches any more, or nothing more will come."""
        silent = 0.0
        try:
            while self.viewers or self.newcomers:
                newcomers, self.newcomers = self.newcomers, []
                news, looks = await to_thread.run_sync(self._look, [viewer.last_id for viewer in newcomers])
                self.looks += 1
                self._tell(news)
                for viewer, look in zip(newcomers, looks, strict=True):
                    if not viewer.gone:
                        self.viewers.add(viewer)
                        viewer.offer(self._piece(look))
                if (news.last or any(look.last for look in looks)) and not self.newcomers:
                    return
                silent = 0.0 if news.messages else silent + self.every
                if silent >= KEEP_ALIVE_S:
                    silent = 0.0
                    self._offer(_Piece(KEEPALIVE_COMMENT))
                await self._pause()
        finally:
            self.over = True
            for viewer in [*self.viewers, *self.newcomers]:
                viewer.offer(_Piece(b"", last=True))  # also after a mistake of ours: the browser comes back

    def join(self, viewer: _Viewer) -> None:
        """Take a viewer in; it need not wait for the next look."""
        self.newcomers.append(viewer)
        self._woken.set()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), self.every)
        self._woken.clear()

    def _look(self, last_ids: list[str | None]) -> tuple[Look, list[Look]]:
        """Look for all, and for each newcomer, in one moment of the database; those who begin alike share a look."""
        with self.open_scope() as scope:
            news = self.shared.look_in(scope) if self.shared is not None else Look()
            looks: dict[str | None, Look] = {}
            for last_id in dict.fromkeys(last_ids):
                own = self.make(last_id)
                looks[last_id] = own.look_in(scope)
                if self.shared is None:
                    self.shared = own
                else:
                    self.shared.catch_up(own)
        return news, [looks[last_id] for last_id in last_ids]

    def _tell(self, news: Look) -> None:
        if news.messages or news.last:
            self._offer(self._piece(news))

    def _offer(self, piece: _Piece) -> None:
        for viewer in self.viewers:
            viewer.offer(piece)

    def _piece(self, look: Look) -> _Piece:
        event_id = self.shared.event_id if self.shared is not None and look.messages else ""
        return _Piece(b"".join(look.messages), event_id, last=look.last)


class _Stream(StreamingResponse):
    """A response whose body is written by whoever has news, not drawn from an iterator."""

    def __init__(self, watch: Callable[[Send], Awaitable[None]]) -> None:
        super().__init__((), headers=HEADERS, media_type=MEDIA_TYPE)
        self._watch = watch

    async def stream_response(self, send: Send) -> None:
        """Send the head, then whatever comes, until nothing more will."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
        await self._watch(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Broadcaster:
    """The topics of one application."""

    def __init__(self, every: float = LOOK_EVERY_S) -> None:
        self.every = every
        self.topics: dict[tuple[object, ...], _Topic] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def response(
        self, key: tuple[str, ...], open_scope: OpenScope, make: Make, last_id: str | None
    ) -> StreamingResponse:
        """Answer with a stream: everything since `last_id`, then whatever happens, until nothing more will come.

        `key` says what is watched and by whom it may be; `make` begins a stream behind an id of its messages.
        """

        async def watch(send: Send) -> None:
            await self._watch(key, open_scope, make, _Viewer(last_id, send))

        return _Stream(watch)

    async def _watch(self, key: tuple[str, ...], open_scope: OpenScope, make: Make, viewer: _Viewer) -> None:
        topic = self._join(key, open_scope, make, viewer)
        try:
            while not viewer.ended:
                await viewer.turn()
                if viewer.behind:
                    topic.viewers.discard(viewer)
                    viewer.behind = False
                    topic = self._join(key, open_scope, make, viewer)
        finally:
            viewer.leave()
            topic.viewers.discard(viewer)
            with suppress(ValueError):
                topic.newcomers.remove(viewer)

    def _join(self, key: tuple[str, ...], open_scope: OpenScope, make: Make, viewer: _Viewer) -> _Topic:
        here = (asyncio.get_running_loop(), *key)
        topic = self.topics.get(here)
        if topic is None or topic.over:
            topic = self.topics[here] = _Topic(open_scope, make, self.every)
            topic.join(viewer)
            task = asyncio.create_task(topic.run())
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._ended(here, done))
        else:
            topic.join(viewer)
        return topic

    def _ended(self, here: tuple[object, ...], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        topic = self.topics.get(here)
        if topic is not None and topic.over:
            del self.topics[here]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A live stream broke; its viewers come back by themselves.", exc_info=error)
