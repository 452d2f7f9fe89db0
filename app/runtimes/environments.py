"""Runtime environments: where training runs, apart from the web environment, shared by all data folders of a checkout.

An environment is keyed by the hash of its lock and made by a process of its own (`installer`), which outlives the
server that started it. What is known about it is read from its files, so that asking is cheap and any process may
ask:

    <root>/trl-<hash12>/env/            the environment
                        install.jsonl   one line per thing that happened: status lines and log lines
                        install.lock    held while anybody installs
                        ready.json      written last, in one step
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from app.kit.locks import holder, is_held, open_lock, try_lock
from app.setup.paths import Paths
from app.setup.problems import SetupError
from app.setup.requirements import fingerprint

RUNTIMES = ("trl",)
_TAIL_BYTES = 64 * 1024


class RuntimeStatus(StrEnum):
    """Where an environment stands."""

    ABSENT = "absent"
    INSTALLING = "installing"
    READY = "ready"
    FAILED = "failed"
    NEEDS_CONSENT = "needs_consent"


@dataclass(frozen=True, slots=True)
class RuntimeState:
    """What is known about an environment.

    `progress` runs from 0 to 1; `message` is a sentence for people; `size_bytes` and `python` are known once it is
    ready.
    """

    name: str
    status: RuntimeStatus
    progress: float
    message: str
    size_bytes: int | None
    python: Path | None
    log_tail: tuple[str, ...]


class RuntimeEnvironments:
    """The environments under one root folder."""

    def __init__(
        self,
        root: Path,
        *,
        paths: Paths | None = None,
        environ: Mapping[str, str] = os.environ,
        named: Mapping[str, Path] | None = None,
    ) -> None:
        """`root` need not exist yet; `environ` is what the installer is given (pip reads its mirrors there); `named`
        are interpreters that somebody made himself, used in place of the environments of these names.
        """
        self._root = root
        self._named = dict(named or {})
        self._paths = paths or Paths.here()
        self._environ = dict(environ)

    def home(self, name: str) -> Path:
        """The folder of `name` for the lock of this version; raises SetupError for a name that is none."""
        lock = self.lock_file(name)
        return self._root / f"{name}-{fingerprint(lock)[:12]}"

    def lock_file(self, name: str) -> Path:
        """The committed lock of `name`."""
        if name not in RUNTIMES:
            raise SetupError(f"There is no runtime environment {name!r}.", f"There is: {', '.join(RUNTIMES)}.", code=2)
        return self._paths.locks / f"{name}.txt"

    def state(self, name: str) -> RuntimeState:
        """Where `name` stands; reads two small files.

        The lock is looked at first: whatever its last holder had to say was written before it let go.
        """
        home = self.home(name)
        if name in self._named:
            python = self._named[name]
            return RuntimeState(name, RuntimeStatus.READY, 1.0, f"{python} is used in its place.", None, python, ())
        installing = is_held(home / "install.lock")
        records = read_records(home / "install.jsonl")
        tail = tuple(str(record["message"]) for record in records if record["kind"] == "log")[-20:]
        ready = _read_json(home / "ready.json")
        if ready is not None:
            python = home / "env" / "bin" / "python"
            return RuntimeState(name, RuntimeStatus.READY, 1.0, ready["message"], ready["size_bytes"], python, tail)
        said = next((record for record in reversed(records) if record["kind"] == "status"), None)
        if said is None:
            status = RuntimeStatus.INSTALLING if installing else RuntimeStatus.ABSENT
            return RuntimeState(name, status, 0.0, "Starting" if installing else "Not installed", None, None, tail)
        status, message = RuntimeStatus(said["status"]), str(said["message"])
        if status is RuntimeStatus.INSTALLING and not installing and not is_held(home / "install.lock"):
            status, message = RuntimeStatus.FAILED, "The installation was interrupted. Start it again."
        return RuntimeState(name, status, float(said["progress"]), message, None, None, tail)

    def start(self, name: str, *, allow_cuda: bool = False) -> RuntimeState:
        """Begin installing `name` and return at once; joins an installation under way, and does nothing where it is
        ready.

        `allow_cuda` says that somebody agreed to the large CUDA build where no CPU build is to be had. A half-made
        environment is made anew. Raises SetupError where not even the first file can be written.
        """
        home = self.home(name)
        if name in self._named or (home / "ready.json").exists():
            return self.state(name)
        try:
            lock = open_lock(home / "install.lock")
            try:
                joining = self.state(name).status is RuntimeStatus.INSTALLING
                # One that has said its last word lets go within moments.
                if try_lock(lock, patience_s=0.0 if joining else 1.0):
                    append(home, status=RuntimeStatus.INSTALLING, progress=0.0, message="Starting")
                    self._spawn(name, home, lock, allow_cuda=allow_cuda)
            finally:
                os.close(lock)
        except OSError as error:
            raise SetupError(
                f"The runtime environment {name} cannot be installed in {home}: {error.strerror or error}.",
                "Fix that, or name another folder in TUNEDESK_RUNTIMES_DIR.",
            ) from error
        return self.state(name)

    def log(self, name: str, lines: int) -> tuple[str, ...]:
        """The last lines that the installation wrote, oldest first."""
        said = [str(record["message"]) for record in read_records(self.home(name) / "install.jsonl", everything=True)]
        return tuple(said[-lines:]) if lines > 0 else ()

    def remove(self, name: str) -> None:
        """Delete every environment of `name`, older locks' too; an installation under way is stopped first."""
        self.lock_file(name)
        for home in sorted(self._root.glob(f"{name}-*")) if self._root.is_dir() else ():
            _stop(home / "install.lock")
            doomed = home.with_name(f".removed-{home.name}-{os.getpid()}")
            home.rename(doomed)
            shutil.rmtree(doomed)

    def wait(self, name: str, *, watch: Callable[[RuntimeState], None]) -> RuntimeState:
        """Come back when nobody installs `name` any more; `watch` is shown each state that differs from the one
        before.
        """
        seen = ""
        while (state := self.state(name)).status is RuntimeStatus.INSTALLING:
            if state.message != seen:
                seen = state.message
                watch(state)
            time.sleep(0.3)
        return state

    def _spawn(self, name: str, home: Path, lock: int, *, allow_cuda: bool) -> None:
        """Start the installer in a session of its own; it inherits the lock, so that there is no moment without a
        holder.
        """
        command = [
            sys.executable,
            "-m",
            "app.runtimes.installer",
            name,
            str(home),
            str(self.lock_file(name)),
            str(lock),
        ]
        with (home / "installer.log").open("ab") as output:
            subprocess.run(
                [*command, *(["--allow-cuda"] if allow_cuda else [])],
                cwd=self._paths.root,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lock,),
                check=True,
            )


def append(home: Path, *, status: RuntimeStatus, progress: float, message: str) -> None:
    """Add a status line to the record of an installation."""
    append_record(home, {"kind": "status", "status": status.value, "progress": round(progress, 3), "message": message})


def append_record(home: Path, record: Mapping[str, object]) -> None:
    """Add one line, with the time (seconds since 1970)."""
    line = json.dumps({"t": round(time.time(), 3), **record}, ensure_ascii=False)
    with (home / "install.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def read_records(path: Path, *, everything: bool = False) -> list[dict[str, Any]]:
    """The last lines of a record (or all of them); a line cut short by a kill is left out."""
    try:
        with path.open("rb") as file:
            if not everything:
                file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    records = []
    for line in lines:
        with contextlib.suppress(ValueError):
            records.append(json.loads(line))
    return [record for record in records if isinstance(record, dict) and "kind" in record and "message" in record]


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _stop(lock: Path) -> None:
    """End an installation under way, with everything it started, and wait until it has let go."""
    pid = holder(lock)
    if pid is None or not is_held(lock):
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)
    for _ in range(100):
        if not is_held(lock):
            return
        time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
