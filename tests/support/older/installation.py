"""One data folder, and the servers of different code that open it one after the other."""

import fcntl
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.support.older.client import Client, Document
from tests.support.waiting import until

# How a server is started without the set-up of an environment; so it was in the earlier code, and so it is now.
SERVE = "from app.main import serve; from app.settings import Settings; serve(Settings())"
_PATIENCE_S = 60
_HOUR_S = 3600


class Installation:
    """A data folder with all that belongs to it: the key, the rehearsed provider's ledger, the log of its servers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.runs = folder, folder / "data", folder / "data" / "runs"
        self.ledger = folder / "provider" / "ledger.jsonl"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        code: Path,
        *,
        script: Mapping[str, Any] | None = None,
        interpreter: Path | None = None,
        crash_at: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Client:
        """Open the folder with the code in a checkout; return a client of its server, which answers.

        `script` is the rehearsed provider's; `interpreter` runs the children of trainings on this machine.
        """
        (self.folder / "script.json").write_text(json.dumps(script or {}), encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        settings = {
            "CRASH_AT": crash_at,
            "DATA_DIR": self.data,
            "DISK_RESERVE_MB": 0,
            "ENGINE_INTERVAL_S": 0.1,
            "LOCAL_SLOTS": 2,
            "LOCAL_THREADS": 1,
            "LOG_LEVEL": "warning",
            "PORT": self.port,
            "REHEARSAL": "true",
            "REHEARSAL_DIR": self.ledger.parent,
            "REHEARSAL_SCRIPT": self.folder / "script.json",
            "RUNTIMES_DIR": self.folder / "runtimes",
            "RUNTIME_AUTOINSTALL": "false",
            "RUNTIME_PYTHON": interpreter or sys.executable,
            "SECRET_KEY_FILE": self.folder / "key",
        }
        named = {f"TUNEDESK_{name}": str(value) for name, value in settings.items()}
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with (self.folder / "server.log").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVE],
                cwd=self.folder,
                env={**inherited, "PYTHONPATH": str(code), **named, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        until(self._answers, within=_PATIENCE_S, doing="the start of the server")
        return Client(f"http://127.0.0.1:{self.port}")

    def kill(self) -> None:
        """End the server as a power cut would; the children that it started go on."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self.is_dead()

    def is_dead(self) -> None:
        """Wait until the server was killed, by `kill` or by itself at its crash point."""
        if self._process is not None:
            code = self._process.wait(_PATIENCE_S)
            assert code == -signal.SIGKILL, f"the server ended with {code}:\n{self.log()}"
            self._process = None

    def close(self) -> None:
        """End the server and every child that was started for this folder."""
        self.kill()
        for folder in self.runs.glob("*_*"):
            (folder / "cancel.json").touch()  # whoever comes too late to be seen here ends by itself
            if self.at_work(folder.name):
                os.killpg(self.child(folder.name), signal.SIGKILL)

    def log(self) -> str:
        """Return what the servers printed."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def child(self, tag: str) -> int:
        """Return the number of the process that is at work in a run's folder."""
        assert self.at_work(tag)
        return int(json.loads((self.runs / tag / "process.json").read_text(encoding="utf-8"))["pid"])

    def at_work(self, tag: str) -> bool:
        """Tell whether a process is at work in a run's folder: it holds the folder's lock."""
        lock = self.runs / tag / "lock"
        if not lock.exists():
            return False
        with lock.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def starts(self, tag: str) -> int:
        """Return how many children have begun to work in a run's folder, by its own record."""
        lines = (self.runs / tag / "events.jsonl").read_text(encoding="utf-8").splitlines()
        return sum(event.get("state") == "starting" for event in map(json.loads, lines))

    def entries(self, call: str) -> list[Document]:
        """Return what the rehearsed provider really did at a call, by its own ledger."""
        lines = self.ledger.read_text(encoding="utf-8").splitlines()
        return [each for each in map(json.loads, lines) if each["call"] == call and each.get("id")]

    def an_hour_passes(self) -> None:
        """Let everything that the provider did have been done an hour earlier. No server may run."""
        assert self._process is None
        entries = [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()]
        for each in entries:
            each["at"] -= _HOUR_S
            if "accepted_at" in each.get("data", {}):
                each["data"]["accepted_at"] -= _HOUR_S
        self.ledger.write_text("".join(json.dumps(each) + "\n" for each in entries), encoding="utf-8")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the server does not start:\n{self.log()}"
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False)
            return answer.is_success or answer.status_code == httpx.codes.UNAUTHORIZED  # accounts are on there
        except httpx.TransportError:
            return False


def stand_in(file: Path, *, trainer: Path, server: Path | None = None) -> Path:
    """Write an "interpreter" that runs these scripts in place of the children that train and that serve."""
    python = shlex.quote(sys.executable)
    file.write_text(
        "#!/bin/sh\n"
        f'case "$3" in *server*) exec {python} {shlex.quote(str(server or trainer))} "$@";; esac\n'
        f'exec {python} {shlex.quote(str(trainer))} "$@"\n',
        encoding="utf-8",
    )
    file.chmod(0o755)
    return file
