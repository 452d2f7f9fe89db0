"""Calls to addresses that people chose, over real sockets: rebinding, redirects, proxies, caps and deadlines."""

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.kit.addresses import AddressPolicy, AddressRefused
from app.kit.checked_transport import AnswerRefused
from app.kit.clock import SystemClock
from app.kit.outgoing import Outgoing
from app.main import make_app_context
from app.settings import Settings
from tests.support.certificates import certificate_authority

LOOPBACK = AddressPolicy(loopback=True)


class Answers(BaseHTTPRequestHandler):
    """Answers by the path, and writes down what was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str]]
    go_on: threading.Event

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["host"]))
        getattr(self, f"_{self.path[1:]}", self._plain)()

    def _plain(self) -> None:
        self._say(b"hello")

    def _redirect(self) -> None:
        self._say(b"", 302, {"location": "http://169.254.169.254/metadata"})

    def _packed(self) -> None:
        self._say(gzip.compress(bytes(1 << 20)), 200, {"content-encoding": "gzip"})

    def _long(self) -> None:
        self._say(bytes(1 << 20))

    def _drip(self) -> None:
        """Send the head and a byte, and then nothing until the test is over."""
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b"x")
        self.wfile.flush()
        self.go_on.wait(30)
        self.close_connection = True

    def _say(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_given: object) -> None:
        """Say nothing."""


@contextmanager
def answering(context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """A server on a free port, and what it was asked."""
    asked: list[tuple[str, str]] = []
    over = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Answers,), {"asked": asked, "go_on": over}))
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    with answering() as made:
        yield made


def resolver(*turns: str) -> Any:  # noqa: ANN401
    """A resolver that says something else each time, the last thing for ever; `asked` counts."""
    seen: list[str] = []

    def resolve(host: str, port: int) -> Any:  # noqa: ANN401
        seen.append(host)
        address = turns[min(len(seen), len(turns)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    resolve.asked = seen  # type: ignore[attr-defined]
    return resolve


def test_a_host_that_rebinds_is_connected_to_where_it_was_checked(server: tuple[int, list[tuple[str, str]]]) -> None:
    port, asked = server
    policy = AddressPolicy(allowed={f"gpu.example:{port}"})
    resolve = resolver("127.0.0.1", "169.254.169.254")
    with Outgoing(policy, resolve=resolve).client(seconds=10) as client:
        assert client.get(f"http://gpu.example:{port}/plain").text == "hello"
    assert asked == [("/plain", f"gpu.example:{port}")]
    assert resolve.asked == ["gpu.example"]


def test_a_host_that_is_public_first_and_inside_the_second_time_is_refused_then() -> None:
    """The form's check looks nothing up, and the connection's own look-up is the one that counts."""
    resolve = resolver("127.0.0.1")
    with Outgoing(AddressPolicy(), resolve=resolve).client(seconds=10) as client, pytest.raises(AddressRefused):
        client.get("https://rebound.example/")
    assert resolve.asked == ["rebound.example"]


def test_a_redirect_is_handed_back_and_not_followed(server: tuple[int, list[tuple[str, str]]]) -> None:
    port, asked = server
    with Outgoing(LOOPBACK).client(seconds=10) as client:
        assert client.get(f"http://127.0.0.1:{port}/redirect").status_code == 302
        with pytest.raises(AddressRefused):  # and where somebody does follow, the next address is checked, too
            client.get(f"http://127.0.0.1:{port}/redirect", follow_redirects=True)
    assert [path for path, _ in asked] == ["/redirect"] * 2


def test_no_proxy_is_taken_from_the_environment(
    server: tuple[int, list[tuple[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, asked = server
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Outgoing(LOOPBACK).client(seconds=10) as client:
        assert client.get(f"http://127.0.0.1:{port}/plain").text == "hello"
    assert len(asked) == 1


def test_an_answer_is_cut_off_at_the_cap_and_taken_up_to_it(server: tuple[int, list[tuple[str, str]]]) -> None:
    port, _ = server
    with Outgoing(LOOPBACK).client(seconds=10, most_bytes=1 << 20) as client:
        assert len(client.get(f"http://127.0.0.1:{port}/long").content) == 1 << 20
    with Outgoing(LOOPBACK).client(seconds=10, most_bytes=(1 << 20) - 1) as client, pytest.raises(AnswerRefused):
        client.get(f"http://127.0.0.1:{port}/long")


def test_what_is_packed_is_not_unpacked(server: tuple[int, list[tuple[str, str]]]) -> None:
    port, _ = server
    with Outgoing(LOOPBACK).client(seconds=10) as client, pytest.raises(AnswerRefused):
        client.get(f"http://127.0.0.1:{port}/packed")


def test_a_call_ends_however_slowly_bytes_come(server: tuple[int, list[tuple[str, str]]]) -> None:
    """Every single wait would be allowed 60 s; all of them together are not."""
    port, _ = server
    with Outgoing(LOOPBACK).client(seconds=0.3) as client, pytest.raises(httpx2.TimeoutException):
        client.get(f"http://127.0.0.1:{port}/drip")


def test_a_call_that_is_late_before_it_began_sends_nothing(server: tuple[int, list[tuple[str, str]]]) -> None:
    port, asked = server
    with Outgoing(LOOPBACK).client(seconds=-1) as client, pytest.raises(httpx2.TimeoutException):
        client.get(f"http://127.0.0.1:{port}/plain")
    assert asked == []


def test_nobody_listening_is_an_error_of_httpx() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Outgoing(LOOPBACK).client(seconds=10) as client, pytest.raises(httpx2.ConnectError):
        client.get(f"http://127.0.0.1:{port}/")


def test_no_socket_of_this_machine_is_opened() -> None:
    with Outgoing(LOOPBACK).client(seconds=10) as client, pytest.raises(AddressRefused):
        client.get("unix:///var/run/docker.sock")


def test_the_certificate_must_be_the_names_whatever_address_is_connected_to(tmp_path: Path) -> None:
    authority, certificate, key = certificate_authority(tmp_path, "gpu.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with answering(context) as (port, _):
        policy = AddressPolicy(allowed={f"gpu.example:{port}", f"other.example:{port}"})
        known = Outgoing(policy, authority, resolver("127.0.0.1"))
        with known.client(seconds=10) as client:
            assert client.get(f"https://gpu.example:{port}/plain").text == "hello"
            with pytest.raises(httpx2.ConnectError, match=r"other\.example"):
                client.get(f"https://other.example:{port}/plain")
        stranger = Outgoing(policy, None, resolver("127.0.0.1"))
        with stranger.client(seconds=10) as client, pytest.raises(httpx2.ConnectError, match="CERTIFICATE"):
            client.get(f"https://gpu.example:{port}/plain")


def test_loopback_is_for_whoever_sits_at_the_machine_and_for_no_team(settings: Settings) -> None:
    for names, loopback in (((), True), (("tunedesk.example",), False)):
        made = make_app_context(settings.model_copy(update={"allowed_hosts": names}), clock=SystemClock())
        made.database.close()
        assert made.outgoing.policy.loopback is loopback
