"""A plane as an HTTP server on loopback, with what its script does wrong on the way."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support.openai_plane.plane import Call, Failed, Plane, Stream
from tests.support.openai_plane.script import Wrong


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    plane: Plane


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
            if not plane.authorised({name.lower(): value for name, value in self.headers.items()}):
                failed = Failed(401, "Incorrect API key provided.", code="invalid_api_key")
                self._send(failed.status, failed.body, {})
                return
            wrong = self._wrong(plane, call)
            status, answer, headers, name = 200, None, {}, ""
            if wrong is None or wrong.kind.startswith("accepted_"):
                try:
                    name, answer = plane.routed(call)
                    status = plane.status_of(name) if hasattr(plane, "status_of") else 200
                except Failed as error:
                    status, answer, headers = error.status, error.body, error.headers
            plane.calls[name or "refused"] += 1
            if name and not isinstance(answer, bytes | Stream):
                plane.bodies.append((name, answer))
        if wrong is not None:
            self._go_wrong(wrong, answer)
        else:
            self._send(status, answer, headers)

    def _wrong(self, plane: Plane, call: Call) -> Wrong | None:
        name = f"{call.method} {call.path.removeprefix(plane.prefix)}"
        for number, wrong in enumerate(plane.script.wrongs):
            spent = plane.calls[f"wrong {number}"]
            if wrong.call == name and spent < wrong.times:
                plane.calls[f"wrong {number}"] += 1
                return wrong
        return None

    def _go_wrong(self, wrong: Wrong, answer: Any) -> None:  # noqa: ANN401 -- JSON
        kind = wrong.kind.removeprefix("accepted_")
        if kind == "cut":
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
        self._send(int(kind), wrong.body or Failed(int(kind), said).body, wrong.headers)

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
            pieces = [answer if isinstance(answer, bytes) else json.dumps(answer).encode()]
            kind = "application/octet-stream" if isinstance(answer, bytes) else "application/json"
        self.send_response(status)
        for name, value in {"content-type": kind, "x-request-id": "req_emulated", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(sum(map(len, pieces))))
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)


@contextmanager
def serving(plane: Plane) -> Iterator[str]:
    """Serve a plane; give its base address."""
    server = _Server(("127.0.0.1", 0), _Connection)
    server.plane = plane
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{plane.prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
