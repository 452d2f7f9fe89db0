"""Half-brought files on the disk: a folder each, with what is here so far and what was said of the whole."""

import fcntl
import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from app.domain.errors import Conflict, NotFound, no_room
from app.domain.uploads import Upload
from app.kit.crash_points import CrashPoint, reached
from app.kit.ids import is_id
from app.store import codec
from app.store.files import FileStore, StoredFile

_ROOM_EVERY = 64 * 2**20
_OTHER = "Ask how many bytes are here, and go on from there."


class Uploads:
    """The uploads of one data folder. What is received stays when a connection breaks, or the server stops."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._root = files.root / "uploads"

    def begin(self, upload: Upload) -> None:
        """Make room for a file.

        Raises:
            StorageFull: where it does not fit.
        """
        self._files.check_room(upload.bytes)
        folder = self._root / upload.id
        try:
            folder.mkdir(mode=0o700, parents=True)
            (folder / "said").write_text(codec.dump(upload), encoding="utf-8")
            (folder / "bytes").touch()
        except OSError as error:
            raise no_room(error) or error from error

    def get(self, identifier: str) -> Upload:
        """Return an upload as it is now.

        Raises:
            NotFound: when there is none.
        """
        if not is_id(identifier):
            raise _gone(identifier)
        try:
            said = codec.load(Upload, (self._root / identifier / "said").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise _gone(identifier) from None
        part = self._part(identifier)
        return replace(said, received=part.stat().st_size if part.is_file() else said.bytes)

    def append(self, identifier: str, offset: int, chunks: Iterable[bytes]) -> Upload:
        """Write pieces behind the bytes that are here; those that came stay whatever happens to the next ones.

        Raises:
            NotFound: when there is no such upload.
            Conflict: when another number of bytes is here than `offset`, or more come than were said.
            StorageFull: when the disk has no room.
        """
        upload = self.get(identifier)
        if upload.received != offset:
            raise _moved(upload.received)
        written, checked = offset, offset
        self._files.check_room()
        with self._part(identifier).open("r+b", buffering=0) as file:
            for chunk in chunks:
                if written + len(chunk) > upload.bytes:
                    message = f"More bytes came than the {upload.bytes:,} that the file was said to have."
                    raise Conflict(message, fix="Begin again with the file's size.")
                _write(file.fileno(), chunk, written)
                written += len(chunk)
                reached(CrashPoint.UPLOAD_HALF_WRITTEN)
                if written - checked >= _ROOM_EVERY:
                    checked = written
                    self._files.check_room()
        return self.get(identifier)

    def take(self, identifier: str) -> StoredFile:
        """Move a whole file to where files live for good; asked again, return the same.

        Raises:
            NotFound: when there is no such upload.
            Conflict: when it is not whole.
        """
        upload = self.get(identifier)
        if not upload.complete:
            raise Conflict(f"{upload.received:,} of {upload.bytes:,} bytes are here.", fix="Send the others first.")
        taken = self._root / identifier / "taken"
        if self._part(identifier).is_file():
            stored = self._files.keep(self._part(identifier))
            taken.write_text(stored.sha256, encoding="ascii")
            return stored
        sha256 = taken.read_text(encoding="ascii") if taken.is_file() else ""
        if not sha256 or not self._files.path(sha256).is_file():  # its dataset was removed meanwhile
            self.remove(identifier)
            raise _gone(identifier)
        return StoredFile(sha256, upload.bytes, self._files.path(sha256))

    def remove(self, identifier: str) -> None:
        """Remove what is here of a file; nothing is fine."""
        shutil.rmtree(self._root / identifier, ignore_errors=True)

    def remove_older(self, before: float) -> None:
        """Remove uploads in which nothing was written since then (seconds since 1970)."""
        for folder in self._root.glob("up_*"):
            if max(each.stat().st_mtime for each in (folder, *folder.iterdir())) < before:
                self.remove(folder.name)

    def _part(self, identifier: str) -> Path:
        return self._root / identifier / "bytes"


def _write(file: int, chunk: bytes, at: int) -> None:
    """Write a piece, unless another connection has gone on from there meanwhile."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        if (here := os.fstat(file).st_size) != at:
            raise _moved(here)
        view = memoryview(chunk)
        while view:
            view = view[os.pwrite(file, view, at + len(chunk) - len(view)) :]
    except OSError as error:
        raise no_room(error) or error from error
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _moved(received: int) -> Conflict:
    return Conflict(f"{received:,} bytes are here already, another number than the offset says.", fix=_OTHER)


def _gone(identifier: str) -> NotFound:
    return NotFound("upload", identifier, fix="Begin again: unfinished uploads are kept for seven days.")
