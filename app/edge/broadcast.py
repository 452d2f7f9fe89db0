"""One look for all viewers: whoever watches the same thing is sent the same bytes.

A topic (one job's page, say) has one task. It looks once in a while, however many watch, and puts what it finds into
each viewer's queue. A viewer who is new, or comes back with the id of the last message that arrived, is first brought
up to date by a look of its own, in the same moment of the database as the topic's: nothing is lost in between, and
nothing comes twice. A queue is short. A viewer too slow to empty it loses its place in the row, not its messages:
once it has taken what was on its way, it is brought up to date like one who comes back. Nobody waits for anybody.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from anyio import to_thread
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse

from app.edge.dependencies import OpenScope
from app.edge.streams import KEEP_ALIVE_S, LOOK_EVERY_S, MEDIA_TYPE, RETRY_MS, Look
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

    def meet(self, other: "Stream") -> None:
        """Let another stream of the same thing, that has come as far, go on from here: ids must rise for it, too."""
        ...

    @property
    def place(self) -> str:
        """The id of the last message."""
        ...


Make = Callable[[str | None], Stream]


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is sent at once; `place` is the id of the last message in it, "" where it has none."""

    data: bytes
    place: str = ""
    last: bool = False


class _Viewer:
    """One open connection."""

    def __init__(self, last_id: str | None) -> None:
        self.last_id = last_id
        self._pieces: deque[_Piece] = deque()  # one reader needs less than asyncio.Queue does
        self._wanted: asyncio.Future[None] | None = None
        self.behind = False
        self.gone = False

    def offer(self, piece: _Piece) -> None:
        """Put a piece into the queue; a viewer whose queue is full is left behind until it has emptied it."""
        if self.behind:
            return
        if len(self._pieces) >= QUEUE:
            self.behind = True
            return
        self._pieces.append(piece)
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    async def next_piece(self) -> _Piece:
        """Return the next piece, once there is one."""
        if not self._pieces:
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted
        return self._pieces.popleft()

    @property
    def waiting(self) -> int:
        """How many pieces are on their way."""
        return len(self._pieces)


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
                    self.shared.meet(own)
        return news, [looks[last_id] for last_id in last_ids]

    def _tell(self, news: Look) -> None:
        if news.messages or news.last:
            self._offer(self._piece(news))

    def _offer(self, piece: _Piece) -> None:
        for viewer in self.viewers:
            viewer.offer(piece)

    def _piece(self, look: Look) -> _Piece:
        place = self.shared.place if self.shared is not None and look.messages else ""
        return _Piece(b"".join(look.messages), place, last=look.last)


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
        watched = self._watch(key, open_scope, make, last_id)
        return StreamingResponse(watched, headers=HEADERS, media_type=MEDIA_TYPE)

    async def _watch(
        self, key: tuple[str, ...], open_scope: OpenScope, make: Make, last_id: str | None
    ) -> AsyncIterator[bytes]:
        yield _RETRY
        viewer = _Viewer(last_id)
        topic = self._join(key, open_scope, make, viewer)
        try:
            while True:
                piece = await viewer.next_piece()
                if piece.data:
                    yield piece.data
                    viewer.last_id = piece.place or viewer.last_id
                if piece.last:
                    return
                if viewer.behind and not viewer.waiting:
                    topic.viewers.discard(viewer)
                    viewer.behind = False
                    topic = self._join(key, open_scope, make, viewer)
        finally:
            viewer.gone = True
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
