"""Connections and answers of calls to an address that a person chose; made by `Outgoing.client`, and nowhere else.

httpx2 is loaded with this module, so it is imported late: a start without such a call needs none of it.
"""

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

import httpcore2
import httpx2

from app.kit.addresses import AddressRefused, look_up
from app.kit.outgoing import CONNECT_S, Outgoing

_END: ContextVar[float | None] = ContextVar("outgoing_end", default=None)
_FROM_HTTPCORE = (  # the more particular ones first
    (httpcore2.ConnectTimeout, httpx2.ConnectTimeout),
    (httpcore2.ReadTimeout, httpx2.ReadTimeout),
    (httpcore2.WriteTimeout, httpx2.WriteTimeout),
    (httpcore2.PoolTimeout, httpx2.PoolTimeout),
    (httpcore2.TimeoutException, httpx2.ReadTimeout),
    (httpcore2.ConnectError, httpx2.ConnectError),
    (httpcore2.WriteError, httpx2.WriteError),
    (httpcore2.NetworkError, httpx2.ReadError),
    (httpcore2.RemoteProtocolError, httpx2.RemoteProtocolError),
    (httpcore2.ProtocolError, httpx2.LocalProtocolError),
)


class AnswerRefused(httpx2.RequestError):
    """The answer is longer than this call takes, or packed although that was not asked for."""


class CheckedTransport(httpx2.BaseTransport):
    """httpcore2's pool, by its public interface, over connections that are checked."""

    def __init__(self, outgoing: Outgoing, *, seconds: float, most_bytes: int) -> None:
        self._outgoing = outgoing
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._pool = httpcore2.ConnectionPool(
            ssl_context=outgoing.certificates(), network_backend=_Checked(outgoing), keepalive_expiry=5.0
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to where it may go."""
        checked = self._outgoing.check(str(request.url))
        if (checked.host.strip("[]"), checked.scheme) != (request.url.raw_host.decode(), request.url.scheme):
            raise AddressRefused("The address can be read in two ways.", fix="Enter its host plainly.")
        end = monotonic() + self._seconds
        if not isinstance(request.stream, httpx2.SyncByteStream):
            raise TypeError("This client sends no asynchronous body.")
        core = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _until(end), _in_words(request):
            answer = self._pool.handle_request(core)
        stream = _Body(answer, request, end=end, most_bytes=self._most_bytes)
        found = httpx2.Response(
            answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions, request=request
        )
        if found.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            stream.close()
            raise AnswerRefused("The answer is packed, although that was not asked for.", request=request)
        return found

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    """An answer's body: counted, and within the call's time, whoever reads it."""

    def __init__(self, answer: httpcore2.Response, request: httpx2.Request, *, end: float, most_bytes: int) -> None:
        self._answer = answer
        self._request = request
        self._end = end
        self._most_bytes = most_bytes

    def __iter__(self) -> Iterator[bytes]:
        parts = self._answer.iter_stream()
        seen = 0
        while True:
            with _until(self._end), _in_words(self._request):
                part = next(parts, None)
            if part is None:
                return
            seen += len(part)
            if seen > self._most_bytes:
                raise AnswerRefused(f"The answer is longer than {self._most_bytes:,} bytes.", request=self._request)
            yield part

    def close(self) -> None:
        """Give the connection back, or drop it."""
        self._answer.close()


class _Checked(httpcore2.NetworkBackend):
    """Opens connections to addresses that were looked up once, and checked."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first of a host's addresses that answers."""
        name = f"[{host}]" if ":" in host else host.lower().removesuffix(".")
        outgoing = self._outgoing
        numeric = look_up(name, port, outgoing.policy, resolve=outgoing.resolve, seconds=_within(timeout))
        failed: Exception | None = None
        for address in numeric:
            try:
                stream = self._plain.connect_tcp(address, port, _within(timeout), local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
            else:
                return _Timed(stream)
        raise failed or httpcore2.ConnectError(f"{host} has no address.")


class _Timed(httpcore2.NetworkStream):
    """A connection on which nothing waits beyond the end of the call that uses it, however slowly bytes come."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is."""
        return self._stream.read(max_bytes, _within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        self._stream.write(buffer, _within(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Go on encrypted; the certificate must be the host's, whatever address was connected to."""
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, _within(timeout, httpcore2.ConnectTimeout)))

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore2 wants to know of the socket."""
        return self._stream.get_extra_info(info)


def _within(timeout: float | None, late: type[Exception] = httpcore2.ReadTimeout) -> float:
    """Return how long a step may take: as long as was asked, and no longer than the call has left."""
    end = _END.get()
    left = None if end is None else end - monotonic()
    if left is not None and left <= 0:
        raise late("The call took longer than it may.")
    limits = [each for each in (timeout, left) if each is not None]
    return min(limits, default=CONNECT_S)


@contextmanager
def _until(end: float) -> Iterator[None]:
    here = _END.set(end)
    try:
        yield
    finally:
        _END.reset(here)


@contextmanager
def _in_words(request: httpx2.Request) -> Iterator[None]:
    """Say httpcore2's errors as httpx2 does."""
    try:
        yield
    except tuple(each for each, _ in _FROM_HTTPCORE) as error:
        kind = next(to for kind, to in _FROM_HTTPCORE if isinstance(error, kind))
        raise kind(str(error), request=request) from error
