"""The looked-up catalog on the disk: shared by all connections of a cloud, refreshed in the background, aged openly."""

import contextlib
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from threading import Lock, Thread

import msgspec

from app.backends.azure_foundry.catalog.registry import LookUp, RegistryModel, look_up
from app.backends.azure_foundry.transport.client import Azure
from app.domain.backend import BackendError
from app.kit.clock import Clock

STALE_AFTER = timedelta(hours=24)


class RegistryCache:
    """What was looked up last. Reading never calls out; `refresh` begins a look-up and returns."""

    def __init__(self, azure: Azure, folder: Path, clock: Clock) -> None:
        self._azure = azure
        self._file = folder / f"azure-models-{azure.settings.cloud}.json"
        self._clock = clock
        self._lock = Lock()
        self._thread: Thread | None = None
        self._read: tuple[int, LookUp] | None = None  # what was read, and the file's own time of change
        self.problem = ""

    @property
    def refreshing(self) -> bool:
        """Whether a look-up is under way."""
        return self._thread is not None and self._thread.is_alive()

    def last(self) -> LookUp | None:
        """Return the last look-up; None when there was none, or when its file cannot be read (any more)."""
        try:
            changed = self._file.stat().st_mtime_ns
            if self._read is None or self._read[0] != changed:
                self._read = (changed, msgspec.json.decode(self._file.read_bytes(), type=LookUp))
        except (OSError, msgspec.MsgspecError):
            return None
        return self._read[1]

    def models(self) -> Sequence[RegistryModel]:
        """Return the models of the last look-up; begin another one where it has grown old."""
        last = self.last()
        if last is None:
            return ()
        if self._clock.now() - last.fetched_at > STALE_AFTER and not self.problem:
            self.refresh()
        return last.models

    def refresh(self) -> None:
        """Begin a look-up unless one is under way."""
        with self._lock:
            if self.refreshing:
                return
            self.problem = ""
            self._thread = Thread(target=self._look_up, name="azure-catalog", daemon=True)
            self._thread.start()

    def _look_up(self) -> None:
        try:
            found = look_up(self._azure, at=self._clock.now())
            self._write(msgspec.json.encode(found))
            self.problem = " ".join(f"{name}: {why}" for name, why in found.problems.items())
        except BackendError as error:
            self.problem = error.detail
        except OSError as error:
            self.problem = f"The catalog could not be kept: {error.strerror}."

    def _write(self, content: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(f".{os.getpid()}.new")
        try:
            fresh.write_bytes(content)
            fresh.replace(self._file)
        finally:
            with contextlib.suppress(FileNotFoundError):
                fresh.unlink()
