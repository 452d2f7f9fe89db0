"""Planes under the real hosts' names: TLS with certificates of the test's own, and names that lead to loopback."""

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.kit.addresses import AddressPolicy
from app.kit.outgoing import Outgoing
from tests.support.azure.certificates import make_certificates

HOSTS = (
    "api.openai.com",
    "res.openai.azure.com",
    "res.services.ai.azure.com",
    "res.cognitiveservices.azure.com",
    "management.azure.com",
)


@dataclass(frozen=True, slots=True)
class Names:
    """What a server and its clients need; `server` is to be served with."""

    bundle: Path
    server: ssl.SSLContext

    def outgoing(self, base: str) -> Outgoing:
        """Return what may call the server at a base address, under each of the names."""
        return outgoing_to(self.bundle, base)


def outgoing_to(bundle: Path, base: str) -> Outgoing:
    """Return what may call the server at a base address and trusts an authority's certificate."""
    allowed = frozenset(f"{host}:{urlsplit(base).port}" for host in HOSTS)
    return Outgoing(AddressPolicy(loopback=True, allowed=allowed), ca_file=bundle, resolve=_to_loopback)


def names(folder: Path) -> Names:
    """Return certificates of an authority of one's own; its files go to `folder`."""
    made = make_certificates(folder / "pki")
    return Names(made.bundle, made.server)


def manager_of(base: str) -> str:
    """Return Resource Manager's address at the server of a base address."""
    return f"https://management.azure.com:{urlsplit(base).port}"


def _to_loopback(_host: str, port: int) -> Iterable[Any]:
    return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
