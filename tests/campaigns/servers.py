"""A TuneDesk on a data folder and a port of its own, through as many lives as it takes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from app.kit.crash_points import CrashPoint
from tests.support.rehearsed import ROOT

SERVE = "from app.main import serve; from app.settings import Settings; serve(Settings())"
PATIENCE_S = 90.0
_LOOK_S = 0.05


class Nursery:
    """The process that forks servers (nursery.py)."""

    def __init__(self) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.nursery"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT, text=True,
        )  # fmt: skip

        assert self._hear() == {"ready": True}

    def ask(self, **question: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON
        """Return the nursery's answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it; what it forked goes on."""
        self._process.communicate(timeout=PATIENCE_S)


class Server:
    """The server; `ready_s` are the times from a start to the first answer, by the kind of the start, and
    `ready_cpu_s` what of them was spent by the process itself.
    """

    def __init__(self, folder: Path, script: Mapping[str, Any], *, runtime_python: Path) -> None:
        self.folder = folder
        self.ready_s: dict[str, list[float]] = {"forked": [], "from nothing": []}
        self.ready_cpu_s: dict[str, list[float]] = {"forked": [], "from nothing": []}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "script.json").write_text(json.dumps(script), encoding="utf-8")
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TUNEDESK_AT_ONCE_MB": "0.01",
            "TUNEDESK_DATA_DIR": str(folder / "data"),
            "TUNEDESK_DISK_RESERVE_MB": "0",
            "TUNEDESK_ENGINE_INTERVAL_S": "0.3",
            "TUNEDESK_LOCAL_SLOTS": "2",
            "TUNEDESK_LOCAL_THREADS": "1",
            "TUNEDESK_LOG_LEVEL": "warning",
            "TUNEDESK_PORT": str(self.port),
            "TUNEDESK_REHEARSAL": "true",
            "TUNEDESK_REHEARSAL_DIR": str(folder / "provider"),
            "TUNEDESK_REHEARSAL_SCRIPT": str(folder / "script.json"),
            "TUNEDESK_RUNTIMES_DIR": str(folder / "runtimes"),
            "TUNEDESK_RUNTIME_AUTOINSTALL": "false",
            "TUNEDESK_RUNTIME_PYTHON": str(runtime_python),
        }
        self._nursery = Nursery()
        self._client = httpx.Client(timeout=20)
        self._pid = 0
        self._born = 0.0
        self._seen_ready = False
        self._cold: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def _kind(self) -> str:
        return "from nothing" if self._cold else "forked"

    def start(self, *, cold: bool = False, crash_at: CrashPoint | None = None) -> None:
        """Begin a life; `cold` as a program of its own, else forked; `crash_at` lets it end itself there."""
        environment = self._environment | ({"TUNEDESK_CRASH_AT": crash_at.value} if crash_at else {})
        self._seen_ready = False
        self._born, log = time.monotonic(), self.folder / "server.log"
        if cold:
            with log.open("ab") as output:
                self._cold = subprocess.Popen(
                    [sys.executable, "-X", "faulthandler", "-c", SERVE],
                    env=environment,
                    cwd=self.folder,
                    stdout=output,
                    stderr=output,
                )
            self._pid = self._cold.pid
        else:
            self._cold = None
            self._pid = self._nursery.ask(start=environment, log=str(log))["pid"]

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self._pid, signal.SIGKILL)
        assert self._ended(PATIENCE_S) == -signal.SIGKILL

    def springs(self, within: float) -> bool:
        """Tell whether the server ends itself at its crash point within so many seconds.

        Raises:
            AssertionError: it ended in another way; its log is told.
        """
        code = self._ended(within)
        assert code in {None, -signal.SIGKILL}, f"the server ended by itself with {code}:\n{self.log()}"
        return code is not None

    def stands(self, seconds: float) -> None:
        """Let that much time go by while the server runs.

        Raises:
            AssertionError: it ended by itself; its log is told.
        """
        code = self._ended(seconds)
        assert code is None, f"the server ended by itself with {code}:\n{self.log()}"

    def comes_up(self, *, may_end: bool = False) -> bool:
        """Wait until the server answers; False if it ended before, where it may.

        Raises:
            AssertionError: it ended by itself although it may not, or never answers; its log is told.
        """
        asked = time.monotonic()  # a server that has been up for long is asked, too
        while time.monotonic() - asked < PATIENCE_S:
            try:
                self._client.get(f"{self.address}/healthz")
            except httpx.TransportError:
                if may_end and self.springs(_LOOK_S):
                    return False
                if not may_end:
                    self.stands(_LOOK_S)
            else:
                if not self._seen_ready:
                    self.ready_s[self._kind].append(time.monotonic() - self._born)
                    self.ready_cpu_s[self._kind].append(cpu_s(self._pid))
                self._seen_ready = True
                return True
        raise AssertionError(f"the server never answers:\n{self.log()}")

    def stop(self, within: float = PATIENCE_S) -> int | None:
        """End it in good order (SIGTERM); return its exit code, None if it has not ended within so many seconds."""
        os.kill(self._pid, signal.SIGTERM)
        return self._ended(within)

    def close(self) -> None:
        """End everything that was begun here."""
        if self._pid and self._ended(0) is None:
            self.kill()
        self._client.close()
        self._nursery.close()

    def log(self) -> str:
        """Return the end of what the server printed."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")[-6000:]

    def _ended(self, within: float) -> int | None:
        if self._cold is None:
            code: int | None = self._nursery.ask(ended=self._pid, within=within)["code"] if self._pid else 0
        else:
            try:
                code = self._cold.wait(timeout=within)
            except subprocess.TimeoutExpired:
                code = None
        if code is not None:
            self._pid = 0
            self._cold = None
        return code


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process so far, in seconds (proc(5): utime and stime)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has just ended
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
