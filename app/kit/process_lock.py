"""One process at a time: a lock file that the operating system frees when its holder dies."""

import fcntl
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_LOOK_S = 0.02


class ProcessLock:
    """Held between enter and exit; `held` is False when another process has it."""

    def __init__(self, path: Path, *, patience_s: float = 0.0) -> None:
        """`patience_s`: how long to wait for a holder that may just be ending.

        A process that is killed while it starts a child leaves its locks to that child for the moment between fork
        and exec; whoever comes next must not take that for another holder.
        """
        self._path = path
        self._patience_s = patience_s
        self._handle: int | None = None
        self.held = False

    def __enter__(self) -> Self:
        """Try until the patience is at its end."""
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        latest = time.monotonic() + self._patience_s
        while not self.held:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= latest:
                    break
                threading.Event().wait(_LOOK_S)
            else:
                self.held = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free it; the file stays, so that two later comers lock the same one."""
        if self._handle is not None:
            os.close(self._handle)
        self.held = False
