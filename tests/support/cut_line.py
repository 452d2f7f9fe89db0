"""A line between a browser and a server that loses requests, loses answers, or keeps them waiting, as it is asked to.

Each connection carries one request: a browser sends what it sent on a connection that it has used before again by
itself when that is cut, and the test would not know how often.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_PATIENCE_S = 60
_OF_THE_LINE = frozenset({"connection", "keep-alive", "transfer-encoding"})


class Loses(StrEnum):
    """What becomes of a form that is sent; pages are always answered."""

    NOTHING = "nothing"
    REQUEST = "request"  # it never arrives
    ANSWER = "answer"  # it arrives, and is answered into the void, once `Line.let_go` is called


class Line(ThreadingHTTPServer):
    """Listens on loopback in front of the server at `url`."""

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Carried)
        self.behind = urlsplit(url)
        self.loses = Loses.NOTHING
        self.sent: list[str] = []  # the addresses of the forms that were sent, whether they arrived or not
        self.answered: list[tuple[str, int]] = []  # of those that arrived, with the server's status
        self._go = threading.Event()

    @property
    def url(self) -> str:
        """Where the browser finds it."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def lose(self, what: Loses) -> None:
        """Do this with the forms to come."""
        self._go.clear()
        self.loses = what

    def let_go(self) -> None:
        """Lose the answers that are held, and those to come at once."""
        self._go.set()

    def wait(self) -> None:
        """Return once the answers that are held are let go."""
        self._go.wait(_PATIENCE_S)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 -- the base class's signature
        """Say nothing: a browser that goes away is no error here."""


class _Carried(BaseHTTPRequestHandler):
    """One request on its way there, and its answer on the way back."""

    server: Line
    protocol_version = "HTTP/1.1"

    def _carry(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        loses = self.server.loses if self.command == "POST" else Loses.NOTHING
        if self.command == "POST":
            self.server.sent.append(self.path)
        if loses is Loses.REQUEST:
            self._cut()
            return
        behind = self.server.behind
        with closing(HTTPConnection(str(behind.hostname), behind.port, timeout=_PATIENCE_S)) as there:
            there.request(self.command, self.path, body, dict(self.headers.items()))
            answer = there.getresponse()
            content = answer.read()
        if self.command == "POST":
            self.server.answered.append((self.path, answer.status))
        if loses is Loses.ANSWER:
            self.server.wait()
            self._cut()
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {*_OF_THE_LINE, "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _carry  # noqa: N815 -- names that the base class looks for

    def _cut(self) -> None:
        """Close so that the browser sees a reset rather than an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw = socket.socket(fileno=self.connection.detach())
        raw.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 -- the base class's signature
        """Say nothing."""


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    """Have a line to a server while the block runs."""
    line = Line(url)
    thread = threading.Thread(target=line.serve_forever, args=(0.05,), name="line")
    thread.start()
    try:
        yield line
    finally:
        line.let_go()
        line.shutdown()
        thread.join()
        line.server_close()
