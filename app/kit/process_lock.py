"""One process at a time: a lock file that the operating system frees when its holder dies."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class ProcessLock:
    """Held between enter and exit; `held` is False when another process has it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self.held = False

    def __enter__(self) -> Self:
        """Try once; never wait."""
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self
        self.held = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free it; the file stays, so that two later comers lock the same one."""
        if self._handle is not None:
            os.close(self._handle)
        self.held = False
