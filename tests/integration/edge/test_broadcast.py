"""One look for all: the same bytes to everybody, nothing lost and nothing twice, and nobody waits for the slow."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

import pytest
from starlette.types import Message

from app.http.broadcast import QUEUE, Broadcaster, Stream
from app.http.streams import Look, message
from app.services.scope import Scope

PATIENCE_S = 30


@dataclass
class World:
    """Something that happens, counted; `looks` counts who looked."""

    happened: int = 0
    looks: int = 0
    over: bool = False
    broken: bool = False
    begun: list[str | None] = field(default_factory=list)

    @contextmanager
    def open_scope(self) -> Iterator[Scope]:
        yield cast("Scope", None)  # the streams here ask the world instead

    def make(self, last: str | None) -> Stream:
        self.begun.append(last)
        return Counting(self, int(last or 0))


class Counting:
    """Tells each number once."""

    def __init__(self, world: World, reported: int) -> None:
        self.world = world
        self.reported = reported

    def look_in(self, _scope: Scope) -> Look:
        self.world.looks += 1
        if self.world.broken:
            raise RuntimeError("a mistake of ours")
        numbers = range(self.reported + 1, self.world.happened + 1)
        self.reported = self.world.happened
        return Look([message(str(n), identifier=str(n)) for n in numbers], last=self.world.over)

    def catch_up(self, other: Stream) -> None:
        pass

    @property
    def event_id(self) -> str:
        return str(self.reported)


class Viewer:
    """One connection that is read as fast as the test says."""

    def __init__(self, broadcaster: Broadcaster, world: World, last: str | None = None) -> None:
        answer = broadcaster.response(("topic",), world.open_scope, world.make, last)
        self.connection: asyncio.Queue[Message] = asyncio.Queue(1)
        self.serving = asyncio.create_task(answer.stream_response(self.connection.put))
        self.seen: list[int] = []
        self.ended = False

    async def take(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            sent = await self.connection.get()
        self.ended = not sent.get("more_body", True)
        lines = sent.get("body", b"").decode().splitlines()
        self.seen += [int(line[5:]) for line in lines if line.startswith("data:")]

    async def read(self, until: Callable[[], bool]) -> None:
        while not until():
            await self.take()

    async def hang_up(self) -> None:
        self.serving.cancel()
        with suppress(asyncio.CancelledError):
            await self.serving

    async def up_to(self, number: int) -> None:
        await self.read(lambda: bool(self.seen) and self.seen[-1] >= number)


def test_everybody_gets_everything_from_one_look() -> None:
    async def story() -> None:
        world, broadcaster = World(happened=3), Broadcaster(every=0.002)
        viewers = [Viewer(broadcaster, world) for _ in range(40)]
        await asyncio.gather(*(viewer.up_to(3) for viewer in viewers))
        (topic,) = broadcaster.topics.values()
        before, watched = world.looks, topic.looks
        for number in range(4, 24):
            world.happened = number
            await asyncio.gather(*(viewer.up_to(number) for viewer in viewers))
        assert all(viewer.seen == list(range(1, 24)) for viewer in viewers)
        own = world.looks - before - (topic.looks - watched)
        assert abs(own) <= 1, "a viewer looked for himself"  # 1: a look may be on its way when they are counted
        world.over = True
        world.happened = 24
        await asyncio.gather(*(_end(viewer) for viewer in viewers))
        assert {viewer.seen[-1] for viewer in viewers} == {24}
        await _until(lambda: not broadcaster.topics)

    asyncio.run(story())


def test_a_slow_viewer_delays_nobody_and_loses_nothing() -> None:
    async def story() -> None:
        world, broadcaster = World(), Broadcaster(every=0.002)
        slow, fast_check = Viewer(broadcaster, world), Viewer(broadcaster, world)
        world.happened = 1
        await asyncio.gather(slow.read(lambda: bool(slow.seen)), fast_check.read(lambda: bool(fast_check.seen)))
        for number in range(2, 5 * QUEUE):
            world.happened = number
            await fast_check.up_to(number)
        held = max(viewer.waiting for topic in broadcaster.topics.values() for viewer in topic.viewers)
        assert held <= QUEUE
        assert slow.seen == [1]
        await slow.read(lambda: slow.seen[-1] >= 5 * QUEUE - 1)
        assert slow.seen == list(range(1, 5 * QUEUE)) == fast_check.seen
        assert len(world.begun) == 2, "the newcomers shared one look, and the slow one was brought up to date once"
        for viewer in (slow, fast_check):
            await viewer.hang_up()
        await _until(lambda: not broadcaster.topics)

    asyncio.run(story())


def test_who_comes_back_goes_on_behind_what_arrived() -> None:
    async def story() -> None:
        world, broadcaster = World(happened=9), Broadcaster(every=0.002)
        first, back = Viewer(broadcaster, world), Viewer(broadcaster, world, "6")
        await asyncio.gather(first.read(lambda: len(first.seen) == 9), back.read(lambda: len(back.seen) == 3))
        world.happened = 10
        await asyncio.gather(first.read(lambda: first.seen[-1] == 10), back.read(lambda: back.seen[-1] == 10))
        assert back.seen == [7, 8, 9, 10]
        for viewer in (first, back):
            await viewer.hang_up()

    asyncio.run(story())


def test_a_mistake_ends_the_streams_instead_of_leaving_them_silent(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        world, broadcaster = World(happened=1), Broadcaster(every=0.002)
        viewer = Viewer(broadcaster, world)
        await viewer.read(lambda: bool(viewer.seen))
        world.broken = True
        await _end(viewer)
        await _until(lambda: not broadcaster.topics)
        world.broken = False
        again = Viewer(broadcaster, world, "1")
        world.happened = 2
        await again.read(lambda: again.seen == [2])
        await again.hang_up()

    asyncio.run(story())
    assert "A live stream broke" in caplog.text


def test_who_hangs_up_in_the_middle_is_let_go_and_others_go_on() -> None:
    async def story() -> None:
        world, broadcaster = World(happened=1), Broadcaster(every=0.002)
        stays = Viewer(broadcaster, world)
        got: list[bytes] = []

        async def send(sent: Message) -> None:
            if world.happened > 1:
                raise OSError("the other end has closed the connection")
            got.append(sent.get("body", b""))

        answer = broadcaster.response(("topic",), world.open_scope, world.make, None)
        serving = asyncio.create_task(answer.stream_response(send))
        await stays.up_to(1)
        await _until(lambda: any(b"data: 1" in piece for piece in got))
        world.happened = 2
        await stays.up_to(2)
        with pytest.raises(OSError, match="closed the connection"):
            await serving
        world.happened = 3
        await stays.up_to(3)
        await stays.hang_up()
        await _until(lambda: not broadcaster.topics)

    asyncio.run(story())


async def _end(viewer: Viewer) -> None:
    while not viewer.ended:
        await viewer.take()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 -- what is waited for tells nobody
            await asyncio.sleep(0)
