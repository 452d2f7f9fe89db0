"""docs/deploy.md followed as written, as far as one machine goes: nginx from Debian, a certificate of its own."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.kit.addresses import AddressPolicy
from app.kit.outgoing import Outgoing
from tests.architecture.tree import ROOT
from tests.support.certificates import certificate_authority
from tests.support.journeys import Installation
from tests.support.waiting import until

NAME = "tunedesk.example"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(NGINX is None, reason="no nginx: apt-get install nginx-light")]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


def settings_of_the_document() -> dict[str, str]:
    """What docs/deploy.md has the administrator write into /etc/tunedesk.env."""
    document = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    found = re.findall(r"^TUNEDESK_([A-Z_]+)=(.+)$", document, re.MULTILINE)
    return {name.lower(): value for name, value in found}


@dataclass
class Site:
    """The proxy as people reach it: its ports, and the authority that signed its certificate."""

    tls: int
    plain: int
    authority: Path

    def client(self) -> httpx2.Client:
        """As a browser on another machine whose DNS knows the name."""

        def resolve(_host: str, port: int) -> Any:  # noqa: ANN401 -- as getaddrinfo
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        allowed = {f"{NAME}:{self.tls}", f"{NAME}:{self.plain}"}
        return Outgoing(AddressPolicy(allowed=allowed), self.authority, resolve).client(seconds=60)

    def url(self, path: str) -> str:
        return f"https://{NAME}:{self.tls}{path}"


@contextmanager
def proxied(folder: Path, upstream: str) -> Iterator[Site]:
    """nginx with the recipe's site, its ports, paths and temporary folders exchanged for the test's own."""
    authority, certificate, key = certificate_authority(folder, NAME)
    site = Site(free_port(), free_port(), authority)
    recipe = (ROOT / "docs" / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for before, after in (
        ("listen 80;", f"listen 127.0.0.1:{site.plain};"), ("listen 443 ssl", f"listen 127.0.0.1:{site.tls} ssl"),
        ("/etc/ssl/tunedesk/fullchain.pem", str(certificate)), ("/etc/ssl/tunedesk/key.pem", str(key)),
        ("http://127.0.0.1:8000", upstream),
    ):  # fmt: skip
        assert before in recipe
        recipe = recipe.replace(before, after)
    kept = "".join(
        f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {kept}\n{recipe}\n}}\n",
        encoding="utf-8",
    )
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    user = [] if os.geteuid() else ["-g", "user root; daemon off;"]
    process = subprocess.Popen([*command[:-2], *(user or command[-2:])])
    try:
        until((folder / "nginx.pid").exists, doing="nginx")
        yield site
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    settings = {**settings_of_the_document(), "rehearsal": "true", "secret_key_file": str(tmp_path / "key")}
    here = Installation(tmp_path / "data", settings)
    try:
        with proxied(tmp_path, here.server.url) as made:
            yield made
    finally:
        here.client.close()
        here.server.stop()


def test_the_proxy_serves_by_tls_alone_and_lets_nobody_pass_for_the_owner(site: Site) -> None:
    with site.client() as client:
        live = client.get(site.url("/healthz/live"))
        assert (live.status_code, live.json()) == (200, {"status": "ok"})
        assert live.headers["strict-transport-security"] == "max-age=31536000"
        assert client.get(site.url("/healthz/ready")).status_code == 200
        moved = client.get(f"http://{NAME}:{site.plain}/jobs?q=1")
        assert (moved.status_code, moved.headers["location"]) == (301, f"https://{NAME}/jobs?q=1")
        for path in ("/", "/jobs", "/api/v1/jobs", "/metrics", "/healthz/deep"):
            for forged in ({}, {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1", "host": "127.0.0.1"}):
                assert client.get(site.url(path), headers=forged).status_code in {401, 404, 421}, path


def test_a_body_of_many_pieces_is_sent_on_as_it_comes(site: Site) -> None:
    """Without buffering, the refusal arrives before the whole body was sent."""
    with site.client() as client:
        pieces = (bytes(1 << 16) for _ in range(200))
        refused = client.put(site.url("/api/v1/datasets?name=x&filename=x.jsonl"), content=pieces)
        assert refused.status_code in {401, 403}
