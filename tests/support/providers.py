"""Two providers of OpenID Connect that others wrote, on loopback: one in Python, one in Node.

The set-up of the tests brings both: `oidc-provider-mock` from its lock, `oidc-provider` by `npm ci`. Where npm could
not be reached, the second is missing, and what asks for it is skipped.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.support.azure.fixtures import TOOLS
from tests.support.waiting import until

KINDS = ("python", "node")
SCRIPT = Path(__file__).with_name("provider.mjs")


@contextmanager
def providing(kind: str, back: str) -> Iterator[str]:
    """Give the address of a provider that listens; `back` is where the Node one lets people come back to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    issuer = f"http://127.0.0.1:{port}"
    # The mock registers whoever asks, and refuses plain http otherwise.
    surroundings = {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"}
    with subprocess.Popen(
        _command(kind, port, back), env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until(lambda: _answers(issuer), doing=f"{kind} listens")
            yield issuer
        finally:
            process.terminate()


def _command(kind: str, port: int, back: str) -> list[str]:
    """Return how a provider is started."""
    if kind == "python":
        mock = Path(sys.executable).with_name("oidc-provider-mock")
        return [str(mock), "--port", str(port), "--require-nonce", "true", "--user", "mia"]
    borrowed = TOOLS / "node"
    node = str(borrowed) if borrowed.is_file() else shutil.which("node")
    if node is None or not (TOOLS / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("oidc-provider is not here: `python3 -m app test` brings it with npm")
    return [node, str(SCRIPT), str(TOOLS), str(port), back]


def _answers(issuer: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=10).is_success
    return False
