"""A request's body as it comes in, for services that read piece by piece in a worker thread."""

from collections.abc import AsyncIterator, Iterator

from anyio import from_thread
from starlette.requests import Request

from app.http.problems import WrongContentType

_FORMS = ("multipart/",)


class BodyChunks(Iterator[bytes]):
    """The body's pieces; never more than one of them is held in memory. To be read in a worker thread."""

    def __init__(self, request: Request) -> None:
        self._stream = request.stream()

    def __next__(self) -> bytes:
        """Return the next piece, waiting for the network where need be."""
        chunk = from_thread.run(_next, self._stream)
        if chunk is None:
            raise StopIteration
        return chunk


def raw_body(request: Request) -> BodyChunks:
    """Return the body of a request that brings a file as it is.

    Raises:
        WrongContentType: for a form, whose envelope would become part of the file.
    """
    if request.headers.get("content-type", "").lower().startswith(_FORMS):
        raise WrongContentType(
            "The body is a form, and this address takes the file itself.",
            fix="Send the raw bytes, for example with curl -T FILE.",
        )
    return BodyChunks(request)


async def _next(stream: AsyncIterator[bytes]) -> bytes | None:
    return await anext(stream, None)
