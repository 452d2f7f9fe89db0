"""Lock files that the operating system frees when their last holder ends, however it ends; standard library only.

A lock is a descriptor: what inherits it, holds it too. The files stay, so that two later comers lock the same one.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_S = 0.02


def open_lock(path: Path) -> int:
    """Return a descriptor to lock with; makes the file, and its folder, where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, *, patience_s: float = 0.0) -> bool:
    """Take the lock, or say that somebody else has it and kept it for `patience_s`.

    A process that is killed while it starts a child leaves its locks to that child for the moment between fork and
    exec, and whoever asks (`is_held`) holds one for an instant: who cannot do without must not take that for a holder.
    """
    latest = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= latest:
                return False
            threading.Event().wait(_LOOK_S)
        else:
            return True


def wait_lock(descriptor: int) -> None:
    """Take the lock as soon as it is free."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def held(path: Path, *, patience_s: float = 0.0) -> Iterator[bool]:
    """Hold the lock for as long as the block takes; False where somebody else has it."""
    descriptor = open_lock(path)
    try:
        yield try_lock(descriptor, patience_s=patience_s)
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock; a shared lock is enough to ask, so that askers do not see one another."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def sign(descriptor: int) -> None:
    """Write this process's id into the lock file."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def holder(path: Path) -> int | None:
    """Return the process id in the lock file, if there is one."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
