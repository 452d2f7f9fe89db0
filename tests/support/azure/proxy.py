"""The CONNECT proxy: every host on the list is answered here over TLS, every other is refused and written down.

A tunnel's TLS ends in the proxy's own thread, so nothing is passed on and one connection costs one thread.
"""

import contextlib
import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from tests.support.azure.certificates import HOSTS, REGIONS, STRANGER
from tests.support.azure.clock import CloudClock
from tests.support.azure.faults import Fault, Faults
from tests.support.azure.wire import Reply, Request

_LABEL = r"[a-z0-9-]+"
_MODEL_HOSTS = [f"*.{region}.models.ai.azure.com" for region in REGIONS]
_SCORING_HOSTS = [f"*.{region}.inference.ml.azure.com" for region in REGIONS]
ALLOWED = re.compile(
    "|".join(re.escape(host).replace(r"\*", _LABEL) for host in [*HOSTS, *_MODEL_HOSTS, *_SCORING_HOSTS])
)
# The instance metadata service of a virtual machine, which credential chains try.
METADATA_HOST = "169.254.169.254"

Answer = Callable[[Request, Fault | None], Reply]


class Proxy(ThreadingTCPServer):
    """Listens on loopback; `answer` is asked for each request that comes out of a tunnel."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, context: ssl.SSLContext, clock: CloudClock, faults: Faults, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.context, self.clock, self.faults, self.answer = context, clock, faults, answer
        self.refused: list[str] = []
        self.closed: re.Pattern[str] | None = None  # hosts that this proxy does not let through, besides
        self.takes_strangers = False  # whether a host that is none of Azure's is answered, to see what it is sent
        self.probed: list[str] = []
        self.bugs: list[str] = []
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="azure-proxy", daemon=True)

    @property
    def url(self) -> str:
        """Where clients send their CONNECT."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def passes(self, host: str) -> bool:
        """Whether a host is let through."""
        if host == STRANGER or host.endswith(f".{STRANGER}"):
            return self.takes_strangers
        return ALLOWED.fullmatch(host) is not None and not (self.closed and self.closed.fullmatch(host))

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Close every tunnel and wait for the threads."""
        self.stopping.set()
        self.shutdown()
        with self._lock:
            tunnels = list(self._open)
        for tunnel in tunnels:
            with contextlib.suppress(OSError):
                tunnel.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self.server_close()

    @contextlib.contextmanager
    def watched(self, tunnel: socket.socket) -> Iterator[None]:
        """Remember a tunnel while it is open, so that `stop` can cut it."""
        with self._lock:
            self._open.add(tunnel)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(tunnel)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 -- the base class's signature
        """Say nothing: a client that goes away is no error here, and what is one is kept in `bugs`."""


class _Tunnel(StreamRequestHandler):
    """Reads one proxy request: CONNECT to a known host becomes a TLS conversation."""

    rbufsize = 0  # what follows the head belongs to TLS
    server: Proxy

    def handle(self) -> None:
        with self.server.watched(self.connection), contextlib.suppress(OSError):
            first, *_ = self._head()
            if not first:
                return  # whoever knocked was killed before a word
            method, _, target = first.partition(" ")
            target = target.split(" ")[0]
            if method != "CONNECT":
                self._plain(target)
                return
            host, _, port = target.rpartition(":")
            if port != "443" or not self.server.passes(host.lower()):
                self.server.refused.append(target)
                self._say(HTTPStatus.FORBIDDEN)
                return
            self._say(HTTPStatus.OK)
            self._speak()

    def _head(self) -> list[str]:
        lines: list[str] = []
        while line := self.rfile.readline(65_537).strip():
            lines.append(line.decode("latin-1"))
        return lines or [""]

    def _plain(self, target: str) -> None:
        """A request in the clear: only the metadata service is looked for so, and it is not here.

        A 403 of these words is what clients take as "not on a virtual machine"; a 404 they repeat for half a minute.
        """
        probe = METADATA_HOST in target
        (self.server.probed if probe else self.server.refused).append(target)
        self._say(HTTPStatus.FORBIDDEN, "A socket operation was attempted to an unreachable network." if probe else "")

    def _say(self, status: HTTPStatus, text: str = "") -> None:
        length = "" if status is HTTPStatus.OK else f"Content-Length: {len(text)}\r\nConnection: close\r\n"
        self.wfile.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n{length}\r\n{text}".encode())

    def _speak(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped = self.server.context.wrap_socket(self.connection, server_side=True)
        with wrapped as secure, self.server.watched(secure):
            _Conversation(secure, self.client_address, self.server)


class _CutOffError(Exception):
    """The connection is to be closed without another word."""


class _Conversation(BaseHTTPRequestHandler):
    """Requests and answers inside one tunnel, faults included."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Proxy
    connection: ssl.SSLSocket

    def version_string(self) -> str:
        return "Kestrel"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 -- the base class's signature
        """Say nothing."""

    def _one(self) -> None:
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request.of(self.command, self.path, headers, body, self.server.clock.now())
        fault = self.server.faults.take(request)
        try:
            self._before(fault)
            reply = self.server.answer(request, fault)
            self._after(fault, reply)
        except _CutOffError:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _one  # noqa: N815 -- names that the base class looks for

    def _body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.flush()
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _before(self, fault: Fault | None) -> None:
        if fault is None:
            return
        if fault.kind == "timeout-before":
            self._hang(fault)
        if fault.kind == "reset":
            self._reset()

    def _after(self, fault: Fault | None, reply: Reply) -> None:
        kind = fault.kind if fault else ""
        if fault and kind == "timeout-after":
            self._hang(fault)
        if kind == "reset-after":
            self._reset()
        if fault and kind == "slow":
            self.server.stopping.wait(fault.details.get("seconds", 0.5))
        if kind == "half-body":
            content = reply.content()
            self._head_of(reply, len(content))
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            raise _CutOffError
        self._write(reply)

    def _write(self, reply: Reply) -> None:
        if reply.body is None or isinstance(reply.body, bytes | dict | list):
            content = reply.content()
            bare = self.command == "HEAD"
            self._head_of(reply, None if bare and "Content-Length" in reply.headers else len(content))
            self.wfile.write(b"" if bare else content)
            self.wfile.flush()
            return
        self.close_connection = True
        self._head_of(reply, None)
        for chunk in reply.body:
            self.wfile.write(chunk)
            self.wfile.flush()

    def _head_of(self, reply: Reply, length: int | None) -> None:
        self.send_response_only(reply.status)  # the reply has a Date of its own, by the cloud's clock
        if length is not None:
            self.send_header("Content-Length", str(length))
        elif "Content-Length" not in reply.headers:
            self.send_header("Connection", "close")
        if length or (length is None and "Content-Type" not in reply.headers):
            self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _hang(self, fault: Fault) -> None:
        """Say nothing until the client gives up, the cloud stops, or the fault's `seconds` are over."""
        patience = int(fault.details.get("seconds", 30) / 0.05)
        for _ in range(patience):
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable or self.server.stopping.is_set():
                break
        raise _CutOffError

    def _reset(self) -> None:
        """Close so that the client sees ECONNRESET rather than an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw = socket.socket(fileno=self.connection.detach())
        raw.close()
        raise _CutOffError
