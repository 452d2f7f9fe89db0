"""Files on this machine's disk: datasets by the hash of their bytes, and a folder for each run."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import StorageFull, TooLarge
from app.kit.crash_points import CrashPoint, reached

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is on the disk for good: its hash (hex), its size in bytes, and where it is."""

    sha256: str
    bytes: int
    path: Path


class FileStore:
    """The data folder. Content-addressed files never change, so a path may be handed to anybody who reads."""

    def __init__(self, root: Path, *, upload_limit: int, disk_reserve: int) -> None:
        self.root = root
        self.runs = root / "runs"
        self._files = root / "files"
        self.upload_limit = upload_limit
        self._reserve = disk_reserve
        for folder in (root, self._files, self.runs, root / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Return where the file with that hash lives."""
        return self._files / sha256[:2] / sha256

    def index_path(self, sha256: str) -> Path:
        """Return where the line index of that file lives."""
        return self._files / sha256[:2] / f"{sha256}.idx"

    def rows_path(self, sha256: str, source: str = "") -> Path:
        """Return where that file's rows lie as canonical rows; the number grows when formats are read another way.

        With a `source`, the hash of the file that it is a part of, the rows have the lines of that one.
        """
        return self._files / sha256[:2] / f"{sha256}.rows-2{source and f'-of-{source[:16]}'}.jsonl"

    def positions_path(self, sha256: str, rows: str) -> Path:
        """Return where it stands which row of the file with that hash became which of the rows with the other."""
        return self._files / sha256[:2] / f"{sha256}.positions-{rows[:16]}"

    def split_path(self, sha256: str, key: str) -> Path:
        """Return where a split of that file lies; the number grows when rows are dealt or compared another way."""
        return self._files / sha256[:2] / f"{sha256}.split-1-{key}"

    def edit_path(self, sha256: str, key: str) -> Path:
        """Return where an edit of that file lies that is still to be carried out."""
        return self._files / sha256[:2] / f"{sha256}.edit-{key}"

    def join_path(self, sha256: str, key: str) -> Path:
        """Return where a join that begins with that file's rows lies as long as it is still to be carried out."""
        return self._files / sha256[:2] / f"{sha256}.join-{key}"

    def temporary(self) -> Path:
        """Return a new empty file in the same file system, for the caller to fill and `keep`."""
        handle, name = tempfile.mkstemp(prefix="incoming-", dir=self._files)
        os.close(handle)
        return Path(name)

    def clear_half_written(self) -> int:
        """Remove what a process that died left half-written; return how many files. Call it before anybody stores."""
        left_over = list(self._files.glob("incoming-*"))
        for path in left_over:
            path.unlink(missing_ok=True)
        return len(left_over)

    def store(self, chunks: Iterable[bytes]) -> StoredFile:
        """Write chunks to the disk, hashing on the way; nothing half-written ever has a final name.

        Raises:
            TooLarge: when more bytes come than the installation takes.
            StorageFull: when the disk has no room, or less than the reserve.
        """
        incoming = self.temporary()
        try:
            digest, size = self._write(incoming, chunks)
            return self._keep(incoming, digest, size)
        except OSError as error:
            raise StorageFull(
                f"The file could not be stored: {error.strerror or error}.", fix="Free some space, then send it again."
            ) from error
        finally:
            incoming.unlink(missing_ok=True)

    def keep(self, incoming: Path) -> StoredFile:
        """Move a filled temporary file to its final name, by its hash."""
        with incoming.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            os.fsync(handle.fileno())
        return self._keep(incoming, digest, incoming.stat().st_size)

    def remove(self, sha256: str) -> None:
        """Remove a file and what was made from it; one that is gone is fine."""
        for path in (self.path(sha256), *self._files.glob(f"{sha256[:2]}/{sha256}.*")):
            path.unlink(missing_ok=True)

    def remove_run(self, identifier: str) -> None:
        """Remove a run's folder; one that is gone is fine."""
        shutil.rmtree(self.runs / identifier, ignore_errors=True)

    def free_bytes(self) -> int:
        """Return how much more the file system of the data folder takes."""
        return shutil.disk_usage(self.root).free

    def check_room(self, wanted: int = 0) -> None:
        """Return if `wanted` bytes fit beside the reserve.

        Raises:
            StorageFull: otherwise, with the figures.
        """
        free = self.free_bytes()
        if free < wanted + self._reserve:
            raise StorageFull(
                f"Only {free // _MIB} MiB are free in the data folder, and {self._reserve // _MIB} MiB must stay free.",
                fix="Free some space, or lower TUNEDESK_DISK_RESERVE_MB.",
            )

    def _write(self, incoming: Path, chunks: Iterable[bytes]) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        self.check_room()
        with incoming.open("wb") as handle:
            for chunk in chunks:
                size += len(chunk)
                if size > self.upload_limit:
                    limit = self.upload_limit // _MIB
                    raise TooLarge(f"The file is larger than {limit} MiB.", fix="Split it into several datasets.")
                digest.update(chunk)
                handle.write(chunk)
                reached(CrashPoint.UPLOAD_HALF_WRITTEN)
            handle.flush()
            os.fsync(handle.fileno())
        self.check_room()
        return digest.hexdigest(), size

    def _keep(self, incoming: Path, sha256: str, size: int) -> StoredFile:
        final = self.path(sha256)
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        incoming.replace(final)
        folder = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name, too, must survive a power cut
        finally:
            os.close(folder)
        reached(CrashPoint.UPLOAD_STORED)
        return StoredFile(sha256, size, final)
