"""One Azurite for a whole session: Microsoft's own emulator of blob storage, in memory, on loopback."""

import base64
import os
import re
import secrets
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

# Every cloud gets an account of its own; after so many the accounts are used again, with other containers.
ACCOUNTS = 64
_LISTENS = re.compile(r"successfully listen(?:s|ing) on https?://[^:]+:(\d+)")


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account's name and base64 key."""

    name: str
    key: str


class Azurite:
    """The process: it starts when the first account is taken."""

    def __init__(self, modules: Path, node: Path) -> None:
        self._modules, self._node = modules, node
        self._accounts = [
            Account(f"tdstore{n:02}", base64.b64encode(secrets.token_bytes(64)).decode()) for n in range(ACCOUNTS)
        ]
        self._taken = 0
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self._lock = threading.Lock()

    def take(self) -> Account:
        """Return an account that no other cloud has, as long as there are some."""
        with self._lock:
            account = self._accounts[self._taken % ACCOUNTS]
            self._taken += 1
        return account

    @property
    def port(self) -> int:
        """The port on loopback; starts the process if it does not run yet."""
        with self._lock:
            if self._process is None:
                self._start()
            return self._port

    def stop(self) -> None:
        """End the process, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None

    def _start(self) -> None:
        main = self._modules / "azurite" / "dist" / "src" / "blob" / "main.js"
        options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry"]
        options += ["--skipApiVersionCheck", "--silent"]
        accounts = ";".join(f"{one.name}:{one.key}" for one in self._accounts)
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", ""), "AZURITE_ACCOUNTS": accounts}
        command = [str(self._node), str(main), *options]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ
        )
        said = []
        for line in self._process.stdout or []:
            said.append(line)
            found = _LISTENS.search(line)
            if found:
                self._port = int(found[1])
                return
        raise RuntimeError(f"Azurite did not start: {''.join(said)[-2000:]}")


def find(tools: Path) -> Azurite | None:
    """Return Azurite as the set-up of the tests brought it to `tools`; None where it or a Node is not here."""
    modules = tools / "node_modules"
    own = tools / "node"
    node = own if own.is_file() else Path(shutil.which("node") or "")
    if not (modules / "azurite").is_dir() or not node.is_file():
        return None
    return Azurite(modules, node)
