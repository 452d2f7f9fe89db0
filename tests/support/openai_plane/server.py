"""A plane as an HTTP server on loopback, with what its script does wrong on the way."""

import json
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.parser import BytesParser
from email.policy import HTTP
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support.openai_plane.calls import Call, Failed
from tests.support.openai_plane.plane import Plane
from tests.support.openai_plane.script import Wrong
from tests.support.openai_plane.stream import Stream

_NO_CONTENT = 204


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    plane: Plane

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 -- the library's
        """Say nothing of clients that went away: some are killed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_DELETE = do_PUT = do_GET  # noqa: N815 -- the library's names

    def log_message(self, *_said: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        plane, call = self.server.plane, self._call()
        with plane.lock:
            refusal = plane.refusal({name.lower(): value for name, value in self.headers.items()})
            wrong = None if refusal else self._wrong(plane, call)
            status, answer, headers, name = 200, None, {plane.request_id(call): "req_emulated"}, ""
            if refusal is not None:
                self._send(refusal.status, refusal.body, headers)
                return
            if wrong is None or wrong.kind.startswith("accepted_"):
                try:
                    name, answer = plane.routed(call)
                    status = plane.status_of(name)
                except Failed as error:
                    status, answer, headers = error.status, error.body, headers | error.headers
            plane.calls[name or "refused"] += 1
            if name and not isinstance(answer, bytes | Stream):
                plane.bodies.append((name, answer))
        if wrong is not None:
            self._go_wrong(wrong, answer, headers)
        else:
            self._send(status, answer, headers)

    def _wrong(self, plane: Plane, call: Call) -> Wrong | None:
        name = f"{call.method} {call.path.removeprefix(plane.prefix)}"
        for number, wrong in enumerate(plane.script.wrongs):
            met = plane.calls[f"wrong {number}"]
            if fnmatchcase(name, wrong.call) and met < wrong.after + wrong.times:
                plane.calls[f"wrong {number}"] += 1
                if met >= wrong.after:
                    return wrong
        return None

    def _go_wrong(self, wrong: Wrong, answer: Any, headers: dict[str, str]) -> None:  # noqa: ANN401 -- JSON
        kind = wrong.kind.removeprefix("accepted_")
        if kind in {"cut", "silent"}:
            if kind == "silent":
                with suppress(OSError):
                    self.connection.recv(1)  # comes back once the client has gone
            self.close_connection = True
            return
        if kind == "half":
            text = json.dumps(answer or {"id": "x" * 50}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text[: len(text) // 2])
            self.close_connection = True
            return
        said = f"The server had an error ({kind})."
        self._send(int(kind), wrong.body or Failed(int(kind), said).body, headers | wrong.headers)

    def _call(self) -> Call:
        parts = urlsplit(self.path)
        call = Call(self.command, unquote(parts.path), parse_qsl(parts.query, keep_blank_values=True))
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        kind = self.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            whole = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
            for part in whole.iter_parts():
                name, filename = part.get_param("name", header="content-disposition"), part.get_filename()
                payload = part.get_payload(decode=True)
                value = payload if isinstance(payload, bytes) else b""
                if filename:
                    call.file = (filename, value)
                else:
                    call.query.append((str(name), value.decode().strip()))
        elif content:
            call.body = json.loads(content)
        return call

    def _send(self, status: int, answer: Any, headers: dict[str, str]) -> None:  # noqa: ANN401 -- JSON or bytes
        if isinstance(answer, Stream):
            pieces, kind = answer.chunks(), "text/event-stream"
        else:
            pieces = [answer if isinstance(answer, bytes) else b"" if status == _NO_CONTENT else _json(answer)]
            kind = "application/octet-stream" if isinstance(answer, bytes) else "application/json"
        self.send_response(status)
        for name, value in {"content-type": kind, **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(sum(map(len, pieces))))
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)


def _json(value: Any) -> bytes:  # noqa: ANN401 -- JSON
    return json.dumps(value).encode()


@contextmanager
def serving(plane: Plane, tls: ssl.SSLContext | None = None, *, port: int = 0) -> Iterator[str]:
    """Serve a plane; give its base address. With `tls` it is that of the real host, at the port of this one."""
    server = _Server(("127.0.0.1", port), _Connection)
    server.plane = plane
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    if tls is not None:
        origin = f"https://{plane.host}:{server.server_address[1]}"
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{origin}{plane.prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
