"""Who is at work in a run folder: one lock, one identity, whole files. Standard library only; both sides use it."""

import json
import os
import subprocess
import tempfile
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from app.kit import locks

LOCK = "lock"
PROCESS = "process.json"
STATUS = "status.json"
EVENTS = "events.jsonl"
CANCEL = "cancel.json"
FINISH = "finish.json"  # the wish to end now, with what has been learned as the model
BATCH = "batch.json"  # the first batch as the model sees it
SPEC = "spec.json"
READY = "ready.json"
LOG = "child.log"

TAKEN = 75  # the exit code of a child that found another at work in its folder (sysexits.h: EX_TEMPFAIL)

_LOCK_PATIENCE_S = 1.0
_START_TIME_FIELD = 21  # of /proc/<pid>/stat, counted from 0 (proc(5), field 22: starttime)


def write_whole(path: Path, value: object) -> None:
    """Write `value` as JSON so that a reader sees the old file or the new one, never half of one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def read_whole(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in `path`; None where there is no such file, or no object in it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def start_time(pid: int) -> str | None:
    """Return what tells process `pid` from a later one of the same number; None where there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            text = stat.read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        # The name in parentheses may hold spaces and parentheses of its own: fields are counted behind the last one.
        fields = text.rpartition(")")[2].split()
        if fields[0] == "Z":
            return None
        return f"{boot()}/{fields[_START_TIME_FIELD - 2]}"
    listed = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5
    )
    words = listed.stdout.split()
    return None if not words or words[0].startswith("Z") else f"{boot()}/{' '.join(words[1:])}"


def boot() -> str:
    """Return what tells this start of the machine from others; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def acquire(run: Path) -> int | None:
    """Become the one process at work in `run`, and say who it is; None where another already is.

    The kernel lets go of the lock when the process ends, however it ends. A short wait makes up for somebody who looks
    (`is_held`) in the very moment of the start.
    """
    descriptor = locks.open_lock(run / LOCK)
    # Where a process file is, somebody was here since this process was started, and has ended: a latecomer.
    if not locks.try_lock(descriptor, patience_s=_LOCK_PATIENCE_S) or (run / PROCESS).exists():
        os.close(descriptor)
        return None
    write_whole(run / PROCESS, {"pid": os.getpid(), "started": start_time(os.getpid()), "boot": boot()})
    return descriptor


def acquired(run: Path) -> AbstractContextManager[bool]:
    """Hold the lock for a moment, to tidy up where nobody is at work; False where somebody is."""
    return locks.held(run / LOCK)


def is_locked(run: Path) -> bool:
    """Tell whether a process is at work in `run`."""
    return locks.is_held(run / LOCK)
