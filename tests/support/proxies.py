"""The proxies of docs/deploy as they come from Debian, and a browser on another machine that reaches one."""

import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from app.kit.addresses import AddressPolicy
from app.kit.outgoing import Outgoing
from tests.architecture.tree import ROOT
from tests.support.certificates import certificate_authority
from tests.support.waiting import until

NAME = "tunedesk.example"
_PATIENCE_S = 120


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


@dataclass(frozen=True)
class Site:
    """The proxy as people reach it: its ports, the authority that signed its certificate, and what it stands before."""

    tls: int
    plain: int | None
    authority: Path
    upstream: str

    def client(self) -> httpx2.Client:
        """As a program on another machine whose DNS knows the name."""

        def resolve(_host: str, port: int) -> Any:  # noqa: ANN401 -- as getaddrinfo
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        allowed = {f"{NAME}:{port}" for port in (self.tls, self.plain) if port is not None}
        return Outgoing(AddressPolicy(allowed=allowed), self.authority, resolve).client(seconds=60)

    def url(self, path: str) -> str:
        """Return an address of the site."""
        return f"https://{NAME}:{self.tls}{path}"


@dataclass(frozen=True)
class Direct:
    """TuneDesk's own port, asked past the proxy."""

    port: int


def direct(site: Site) -> Direct:
    """Return what the proxy stands before."""
    return Direct(urlsplit(site.upstream).port or 0)


class _Connection(HTTPConnection):
    """A connection to a port of this machine from one of its loopback addresses, under the site's name."""

    def __init__(self, to: Site | Direct, source: str) -> None:
        super().__init__(NAME, 443 if isinstance(to, Site) else 80, timeout=_PATIENCE_S)
        self.default_port = self.port  # as at the port that the scheme has, which a Host does not name
        self._to, self._from = to, source

    def connect(self) -> None:
        """Connect, by TLS to a proxy."""
        port = self._to.tls if isinstance(self._to, Site) else self._to.port
        self.sock = socket.create_connection(("127.0.0.1", port), _PATIENCE_S, (self._from, 0))
        if isinstance(self._to, Site):
            context = ssl.create_default_context(cafile=str(self._to.authority))
            self.sock = context.wrap_socket(self.sock, server_hostname=NAME)


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Message
    content: bytes


class Browser:
    """Somebody's browser at an address of their own; it keeps the one cookie that it is told to."""

    def __init__(self, to: Site | Direct, *, source: str = "127.0.0.1") -> None:
        self._to, self._source, self._cookie = to, source, ""

    @contextmanager
    def asking(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Iterator[HTTPResponse]:
        """Send a request as a page of the site does; its answer can be read while the block runs."""
        own = {"origin": f"https://{NAME}", "sec-fetch-site": "same-origin"}
        if self._cookie:
            own["cookie"] = self._cookie
        if body is not None:
            own["content-type"] = "application/x-www-form-urlencoded"
        with closing(_Connection(self._to, self._source)) as connection:
            connection.request(method, path, body, {**own, **headers})
            with closing(connection.getresponse()) as answer:
                yield answer

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send a request, and read the whole answer."""
        with self.asking(method, path, body, headers) as answer:
            return Answer(answer.status, answer.headers, answer.read())

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for something."""
        return self.send("GET", path, None, **headers)

    def stream(self, path: str) -> AbstractContextManager[HTTPResponse]:
        """Ask for what goes on."""
        return self.asking("GET", path, None, {})

    def form(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form."""
        return self.send("POST", path, urlencode(fields).encode(), **headers)

    def json(
        self, method: str, path: str, body: object = None, *, kind: str = "application/json", key: str = ""
    ) -> Any:  # noqa: ANN401 -- JSON
        """Ask REST, and return its answer, which must be one."""
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"content-type": kind} if content is not None else {}
        if key:
            headers["idempotency-key"] = key
        answer = self.send(method, path, content, **headers)
        assert answer.status < 300, (path, answer.status, answer.content)
        return json.loads(answer.content)

    def keep(self, answer: Answer) -> str:
        """Keep the cookie of a session from now on; return all that the server says of it."""
        (said,) = [each for each in answer.headers.get_all("set-cookie", []) if "tunedesk=" in each]
        self._cookie = said.partition(";")[0]
        return str(said)


@dataclass(frozen=True)
class Proxy:
    """A kind of proxy: its program, and how the recipe is run with the test's own ports, paths and folders."""

    program: str | None
    run: Callable[[Path, str], Any]

    @contextmanager
    def before(self, folder: Path, upstream: str) -> Iterator[Site]:
        """Have it stand before a server while the block runs."""
        process, site, up = self.run(folder, upstream)
        try:
            until(up, doing="the proxy")
            yield site
        finally:
            process.terminate()
            process.wait()


def _recipe(name: str, *exchanged: tuple[str, str]) -> str:
    text = (ROOT / "docs" / "deploy" / name).read_text(encoding="utf-8")
    for before, after in exchanged:
        assert before in text
        text = text.replace(before, after)
    return text


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _nginx(folder: Path, upstream: str) -> tuple[subprocess.Popen[bytes], Site, Callable[[], bool]]:
    authority, certificate, key = certificate_authority(folder, NAME)
    site = Site(free_port(), free_port(), authority, upstream)
    recipe = _recipe(
        "nginx.conf",
        ("listen 80;", f"listen 127.0.0.1:{site.plain};"), ("listen 443 ssl", f"listen 127.0.0.1:{site.tls} ssl"),
        ("/etc/ssl/tunedesk/fullchain.pem", str(certificate)), ("/etc/ssl/tunedesk/key.pem", str(key)),
        ("http://127.0.0.1:8000", upstream),
    )  # fmt: skip
    kept = "".join(
        f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {kept}\n{recipe}\n}}\n",
        encoding="utf-8",
    )
    user = "daemon off;" if os.geteuid() else "user root; daemon off;"
    command = [str(PROXIES["nginx"].program), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", user]
    return subprocess.Popen(command), site, (folder / "nginx.pid").exists


def _caddy(folder: Path, upstream: str) -> tuple[subprocess.Popen[bytes], Site, Callable[[], bool]]:
    authority, certificate, key = certificate_authority(folder, NAME)
    site = Site(free_port(), None, authority, upstream)
    recipe = _recipe(
        "Caddyfile",
        ("{$TUNEDESK_NAME:tunedesk.example} {", f"{NAME}:{site.tls} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}"),
        ("127.0.0.1:8000", urlsplit(upstream).netloc),
    )  # fmt: skip
    own = f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {folder}/caddy\n}}\n"
    (folder / "Caddyfile").write_text(own + recipe, encoding="utf-8")
    command = [str(PROXIES["caddy"].program), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    environ = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    return process, site, lambda: _listens(site.tls)


PROXIES = {
    "nginx": Proxy(shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"), _nginx),
    "caddy": Proxy(shutil.which("caddy"), _caddy),
}
