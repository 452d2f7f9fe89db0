"""Child processes and their run folders: started once, found again, stopped in good order.

A child lives in a session of its own, so it outlives this process; whoever opens the same folder later takes it up.
What makes that safe is the child's lock (training/run_lock.py): of two children for one folder, the second steps back
at once. So a start may be repeated after a crash at any point.
"""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from app.backends.local.errors import cause_of_death, sentence
from app.domain.backend import Rejected
from app.kit.clock import Clock
from app.kit.crash_points import CrashPoint, reached
from app.training import run_lock
from app.training.failures import DISK_FULL

ROOT = Path(__file__).resolve().parents[3]  # the checkout: children import `app.training`
EXIT = "exit.json"
_REMOVALS = 3  # whoever waits for the child may note its exit code while the folder goes
SPAWNED = "spawned.json"  # whom we started last, for as long as the child has not said who it is
# What a child may know of our environment: how to find programs, caches and GPUs. No secrets.
PASSED_ON = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "XDG_CACHE_HOME",
        "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE",
        "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "PYTORCH_CUDA_ALLOC_CONF",
    }
)  # fmt: skip
# And one whose base is of the hub, which it may have to ask: where that is, the way there (a proxy's address may hold a
# password), and who asks (huggingface_hub 2.4, constants.py and utils/_auth.py).
FOR_THE_HUB = frozenset(
    {
        "HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    }
)  # fmt: skip
# The token that somebody left on this machine (`hf auth login`) is no more a local child's business than a given one.
_NO_HUB = {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
_OWN = {"PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
_GRACE = timedelta(seconds=8)  # from the wish to stop to SIGKILL: who cancels need not wait longer than 10 s for it
_START_PATIENCE = timedelta(seconds=60)  # a child says who it is within a second, on a loaded machine within seconds
_MOST_NEWS = 4 * 2**20  # bytes of events read in one look
_NO_ROOM = 2**20  # bytes; with less, a last word cannot be written
_LOG_TAIL = 64 * 2**10  # bytes of log looked at
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")


@dataclass(frozen=True, slots=True)
class Look:
    """What a run folder tells. `state` is the child's last word; `exit_code` where this machine's parent saw it end."""

    exists: bool
    alive: bool
    spawned: bool  # a child was started, and that was written down
    started: bool  # the child has said who it is
    before: bool  # a child has worked here, this one or an earlier one
    late: bool  # it has not, although it should have long ago
    state: str
    reported: Mapping[str, Any]  # the fields of the last word
    exit_code: int | None
    stopping: bool  # somebody asked it to stop
    rebooted: bool  # the machine was started anew since

    @property
    def died(self) -> bool:
        """Whether it is gone without a last word, or never came."""
        if self.alive:
            return False
        if not self.started:
            return self.late or self.exit_code is not None
        return self.state not in {"succeeded", "failed", "stopped"}


class Runs:
    """The folder of run folders, and the interpreter that children run in."""

    def __init__(
        self, root: Path, *, interpreter: Callable[[], Path], environment: Mapping[str, str], clock: Clock
    ) -> None:
        self.root = root
        self.interpreter = interpreter
        self._environment = {name: value for name, value in environment.items() if name in PASSED_ON | FOR_THE_HUB}
        self._clock = clock

    def below(self, name: str) -> "Runs":
        """Return the same over a folder of its own inside this one."""
        return Runs(self.root / name, interpreter=self.interpreter, environment=self._environment, clock=self._clock)

    def folder(self, tag: str) -> Path:
        """Return the run folder of `tag`.

        Raises:
            Rejected: for a tag that is no plain file name.
        """
        if not tag or len(tag) > 100 or tag[0] in ".-" or not _NAME_CHARACTERS.issuperset(tag):  # noqa: PLR2004
            raise Rejected(f"{tag[:40]!r} cannot be the name of a run.")
        return self.root / tag

    def start(self, tag: str, spec: Mapping[str, Any]) -> None:
        """Start a child once for `tag`; a repeat finds what the first call made, also when that has ended since."""
        folder = self.folder(tag)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if run_lock.is_locked(folder) or (folder / run_lock.PROCESS).exists() or self._is_coming(folder):
            return
        if not (folder / run_lock.SPEC).exists():
            run_lock.write_whole(folder / run_lock.SPEC, dict(spec))
        self._spawn(folder)

    def restart(self, tag: str) -> None:
        """Start a child again with the spec it had, unless it is at work or was asked to stop."""
        folder = self.folder(tag)
        if not (folder / run_lock.SPEC).exists() or (folder / run_lock.CANCEL).exists():
            return
        with run_lock.acquired(folder) as ours:
            if not ours or self._is_coming(folder):
                return
            (folder / run_lock.SPEC).touch()  # from now on the child has time to say who it is
            for name in (run_lock.PROCESS, run_lock.STATUS, run_lock.READY, EXIT, SPAWNED):
                (folder / name).unlink(missing_ok=True)
        self._spawn(folder)

    def look(self, tag: str) -> Look:
        """Look at a run. First whether it lives, then what it said: a last word cannot fall between the two."""
        folder = self.folder(tag)
        alive = run_lock.is_locked(folder)
        process = run_lock.read_whole(folder / run_lock.PROCESS)
        reported = run_lock.read_whole(folder / run_lock.STATUS) or {}
        spec = folder / run_lock.SPEC
        exists = spec.exists()
        return Look(
            exists=exists,
            alive=alive,
            spawned=(folder / SPAWNED).exists(),
            started=process is not None,
            before=(folder / run_lock.EVENTS).exists(),
            late=exists and process is None and not alive and self._age(spec) > _START_PATIENCE,
            state=str(reported.get("state", "")),
            reported=reported,
            exit_code=self._exit_code(folder, process),
            stopping=(folder / run_lock.CANCEL).exists(),
            rebooted=process is not None and process.get("boot") != run_lock.boot(),
        )

    def stop(self, tag: str) -> None:
        """Ask a run to stop (SIGTERM: it saves its work); a repeat after the grace ends it (SIGKILL to its group)."""
        folder = self.folder(tag)
        if not folder.exists():
            return
        asked = run_lock.read_whole(folder / run_lock.CANCEL)
        if asked is None:
            run_lock.write_whole(folder / run_lock.CANCEL, {"at": self._clock.now().isoformat()})
            self._signal(folder, signal.SIGTERM)
        elif self._clock.now() - datetime.fromisoformat(asked["at"]) > _GRACE:
            self._signal(folder, signal.SIGKILL)

    def finish(self, tag: str) -> None:
        """Ask a training to end now with what it has learned; it looks for this wish after each step."""
        folder = self.folder(tag)
        if folder.exists() and not (folder / run_lock.FINISH).exists():
            run_lock.write_whole(folder / run_lock.FINISH, {"at": self._clock.now().isoformat()})

    def news(self, tag: str, since: str | None) -> tuple[list[tuple[str, dict[str, Any]]], str]:
        """Return the events behind the cursor `since`, each with an id unique in the run, and the next cursor."""
        path = self.folder(tag) / run_lock.EVENTS
        begin = int(since) if since and since.isdecimal() else 0
        try:
            with path.open("rb") as file:
                file.seek(begin)
                chunk = file.read(_MOST_NEWS)
        except OSError:
            return [], str(begin)
        whole = chunk[: chunk.rfind(b"\n") + 1]
        return list(_events(whole, begin)), str(begin + len(whole))

    def silence(self, tag: str, *, since: float) -> tuple[list[dict[str, Any]], float]:
        """Return the newest events of a run and the time now (seconds since 1970); none of one that spoke just now.

        `since`: how many seconds it must have been silent.
        """
        path, now = self.folder(tag) / run_lock.EVENTS, self._clock.now().timestamp()
        try:
            if now - path.stat().st_mtime < since:
                return [], now
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _LOG_TAIL))
                return [event for _, event in _events(file.read(), 0)], now
        except OSError:
            return [], now

    def log_path(self, tag: str) -> Path | None:
        """Return the file of the run's raw output, if there is one."""
        path = self.folder(tag) / run_lock.LOG
        return path if path.exists() else None

    def log(self, tag: str, lines: int) -> list[str]:
        """Return the last lines of the run's raw output."""
        path = self.log_path(tag)
        if path is None or lines <= 0:
            return []
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]

    def cause_of_death(self, tag: str, look: Look) -> tuple[str, str]:
        """Return (code, text) for a child that died: by its exit, its log, or the disk it could not write to."""
        code, text = cause_of_death(look.exit_code, self.log(tag, 100))
        if code == "died" and shutil.disk_usage(self.root).free < _NO_ROOM:
            return DISK_FULL.code, sentence(DISK_FULL.message, DISK_FULL.fix)
        return code, text

    def remove(self, tag: str) -> None:
        """Remove the folder of a run that is not at work."""
        for _ in range(_REMOVALS):
            shutil.rmtree(self.folder(tag), ignore_errors=True)
            if not self.folder(tag).exists():
                return

    def at_work(self, kind: str) -> list[str]:
        """Return the tags of the living runs of a kind."""
        if not self.root.is_dir():
            return []
        living = [folder for folder in self.root.iterdir() if run_lock.is_locked(folder)]
        return [
            folder.name for folder in living if (run_lock.read_whole(folder / run_lock.SPEC) or {}).get("kind") == kind
        ]

    def _spawn(self, folder: Path) -> None:
        log = os.open(folder / run_lock.LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = subprocess.Popen(
                [str(self.interpreter()), "-P", "-m", "app.training", str(folder / run_lock.SPEC)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=self._environment_of(folder),
                start_new_session=True,
                umask=0o077,
            )
        finally:
            os.close(log)
        reached(CrashPoint.CHILD_SPAWNED)
        run_lock.write_whole(folder / SPAWNED, {"pid": process.pid, "started": run_lock.start_time(process.pid)})
        # Each child of ours has somebody waiting for its end, so that none is left as a zombie, and the cause is known.
        threading.Thread(target=_see_off, args=(process, folder), name=f"child-{process.pid}", daemon=True).start()

    def _environment_of(self, folder: Path) -> dict[str, str]:
        """Return what the child of a run folder is given: who may not ask the hub gets no token for it."""
        asks_hub = (run_lock.read_whole(folder / run_lock.SPEC) or {}).get("offline") is False
        refused, own = (frozenset(), _OWN) if asks_hub else (FOR_THE_HUB, _OWN | _NO_HUB)
        return {name: value for name, value in self._environment.items() if name not in refused} | own

    def _signal(self, folder: Path, number: signal.Signals) -> None:
        process = run_lock.read_whole(folder / run_lock.PROCESS)
        if process is None or not run_lock.is_locked(folder):
            return
        pid = int(process["pid"])
        # The number alone could be somebody else's by now.
        if run_lock.start_time(pid) != process["started"]:
            return
        with suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(pid, number)
            else:
                os.kill(pid, number)

    def _is_coming(self, folder: Path) -> bool:
        coming = run_lock.read_whole(folder / SPAWNED)
        return coming is not None and run_lock.start_time(int(coming["pid"])) == coming["started"]

    def _age(self, path: Path) -> timedelta:
        return self._clock.now() - datetime.fromtimestamp(path.stat().st_mtime, tz=self._clock.now().tzinfo)

    def _exit_code(self, folder: Path, process: Mapping[str, Any] | None) -> int | None:
        ended = run_lock.read_whole(folder / EXIT)
        ours = process or run_lock.read_whole(folder / SPAWNED) or {}
        return int(ended["code"]) if ended is not None and ended.get("pid") == ours.get("pid") else None


def _see_off(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    code = process.wait()
    if code != run_lock.TAKEN:
        with suppress(OSError):  # the folder may be gone
            run_lock.write_whole(folder / EXIT, {"pid": process.pid, "code": code})


def _events(chunk: bytes, begin: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in chunk.split(b"\n"):
        try:
            event = orjson.loads(line) if line else None
        except ValueError:
            event = None  # half a line, left by a process that was killed while writing it
        if isinstance(event, dict):
            yield str(begin), event
        begin += len(line) + 1
