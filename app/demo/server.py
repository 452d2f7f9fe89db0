"""The real server as a child process on a free port, and its end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.demo.client import DemoError
from app.settings import ROOT
from app.setup.bootstrap import compiling_once
from app.setup.paths import Paths

_GRACE_S = 30
_SERVE = "import sys; from app.cli import main; sys.exit(main([], set_up=False))"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers at `url`. What it says about itself is in `log`."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def stop(self) -> None:
        """Ask it to end, and make it if it does not. Trainings are processes of their own and go on."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start(data_dir: Path, settings: Mapping[str, str] | None = None) -> Server:
    """Start a server on `data_dir`; `settings` are further TUNEDESK_ settings by their lower-case names.

    Raises:
        DemoError: with the server's own sentence, when it does not come up.
    """
    named = {"host": "127.0.0.1", "port": "0", "data_dir": str(data_dir), **(settings or {})}
    environ = {**_own_environment(), **{f"TUNEDESK_{name.upper()}": value for name, value in named.items()}}
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "server.log"
    with log.open("a", encoding="utf-8") as errors:
        # A session of its own: Ctrl-C in a terminal is ours to answer, in the right order.
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    said = process.stdout.readline() if process.stdout is not None else ""
    _, found, rest = said.partition(" is at ")
    server = Server(rest.split("/  ")[0] if found else "", process, log)
    if not found:
        server.kill()
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise DemoError(f"The server did not start: {lines[-1] if lines else 'it said nothing'}")
    return server


@contextmanager
def serving(data_dir: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Have a server on `data_dir` for as long as the block takes."""
    server = start(data_dir, settings)
    try:
        yield server
    finally:
        server.stop()


def _own_environment() -> dict[str, str]:
    environ = os.environ  # noqa: TID251 -- handed on to the child whole, and read by nobody here
    return compiling_once(environ, Paths.here().scratch)
