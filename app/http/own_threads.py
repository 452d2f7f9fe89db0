"""Threads of their own for those who wait for a model: the forty that a server has (anyio's default) make its pages."""

from collections.abc import AsyncIterator, Callable, Generator
from typing import TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Piece = TypeVar("Piece")


class AwaitedResponse(Response):
    """A response that is made when it is sent, in a thread of its own."""

    def __init__(self, make: Callable[[], Response]) -> None:
        super().__init__()
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make it and send it; what is raised while it is made is answered as what a route raises."""
        made = await to_thread.run_sync(self._make, limiter=CapacityLimiter(1))
        await made(scope, receive, send)


async def awaited(pieces: Generator[Piece, None, None]) -> AsyncIterator[Piece]:
    """Yield what a generator yields, each piece waited for in a thread of its own.

    The generator is closed also when the reader goes away: a model must stop writing, and its use must be counted.
    """
    own = CapacityLimiter(1)
    try:
        while (each := await to_thread.run_sync(next, pieces, None, limiter=own)) is not None:
            yield each
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(pieces.close, limiter=own)
