"""Files that are too large for one request go up in parts: an upload is begun, given its parts, and completed.

A part is at most 64 MB, and an upload is gone an hour after its beginning at OpenAI, two at Azure (OpenAI's reference
of uploads, openai-openapi 2.3.0; Microsoft's azure-skills, "large file uploads", 2026-08-21). Until it is completed
there is no file, and completing it twice makes none twice: whoever asks again finds the file by its name.
"""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import DataRejected, NotFound, Permanent, Unavailable

UPLOADS = "uploads"
_TYPE = "application/octet-stream"
_READ = 1 << 20
_GB = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """In bytes. `one_request`: what goes up at once; `part`: of larger ones; `most`: of a file in all its parts."""

    one_request: int = 512_000_000
    part: int = 64 << 20
    most: int = 8_000_000_000


# Azure takes more than about 150 MB in one request, and then fails the job by a 500; in parts it takes 9 GB.
AZURE_SIZES = Sizes(one_request=128 << 20, most=9_000_000_000)


@dataclass(slots=True)
class _Begun:
    """An upload under way: its id at the provider, and those of the parts that are there."""

    id: str
    parts: list[str] = field(default_factory=list)


class PartedUploads:
    """Sends large files; one that was interrupted goes on behind its last part, as long as this process lives."""

    def __init__(self, plane: Plane, sizes: Sizes) -> None:
        self._plane, self.sizes = plane, sizes
        self._begun: dict[str, _Begun] = {}
        self._lock = Lock()

    @property
    def base(self) -> str:
        """Where uploads are begun."""
        return self._plane.base

    def needed(self, bytes_: int) -> bool:
        """Tell whether so many bytes have to go up in parts.

        Raises:
            DataRejected: they are too many even then.
        """
        if bytes_ > self.sizes.most:
            message = f"The rows come to {_said(bytes_)}; {self._plane.name} takes {_said(self.sizes.most)} a file."
            raise DataRejected(message, fix="Train on fewer rows, or on shorter ones.")
        return bytes_ > self.sizes.one_request

    def send(self, path: Path, *, name: str, purpose: str) -> Mapping[str, object]:
        """Send a file, and return what the provider says of it.

        Raises:
            BackendError: in sentences; DataRejected where the server knows no uploads in parts.
        """
        total = path.stat().st_size
        with self._lock:
            begun, earlier = self._begun.get(name), name in self._begun
        if begun is None:
            begun = self._begin(name, purpose, total)
        try:
            self._send_parts(path, begun, total)
            made = self._plane.post(f"{UPLOADS}/{begun.id}/complete", {"part_ids": begun.parts, "md5": _md5(path)})
        except Permanent as error:
            with self._lock:
                self._begun.pop(name, None)
            if earlier:  # it has run out meanwhile; the next turn begins another
                raise Unavailable(error.detail, fix="The upload is begun anew.") from error
            raise
        with self._lock:
            self._begun.pop(name, None)
        found = made.get("file") if isinstance(made, dict) else None
        if not isinstance(found, dict):
            raise Unavailable(f"{self._plane.name} completed an upload, and names no file yet.")
        return found

    def _begin(self, name: str, purpose: str, total: int) -> _Begun:
        body = {"filename": name, "purpose": purpose, "bytes": total, "mime_type": "application/jsonl"}
        try:
            made = self._plane.post(UPLOADS, body)
        except NotFound as error:
            message = (
                f"The rows come to {_said(total)}; {self._plane.name} takes {_said(self.sizes.one_request)} in one "
                "request, and has no uploads in parts."
            )
            raise DataRejected(message, fix="Train on fewer rows, or on shorter ones.") from error
        if not isinstance(made, dict) or not made.get("id"):
            raise Unavailable(f"{self._plane.name} answered the beginning of an upload with something that names none.")
        begun = _Begun(str(made["id"]))
        with self._lock:
            self._begun[name] = begun
        return begun

    def _send_parts(self, path: Path, begun: _Begun, total: int) -> None:
        while (start := len(begun.parts) * self.sizes.part) < total:
            with _opened(path, start, min(self.sizes.part, total - start)) as part:
                made = self._plane.send_form(f"{UPLOADS}/{begun.id}/parts", {}, {"data": ("upload", part, _TYPE)})
            if not made.get("id"):
                raise Unavailable(f"{self._plane.name} answered a part of an upload with something that names none.")
            begun.parts.append(str(made["id"]))


class _Slice(io.RawIOBase):
    """A stretch of a file as a file of its own, so that no part has to be in memory."""

    def __init__(self, whole: BinaryIO, start: int, length: int) -> None:
        super().__init__()
        self._whole, self._start, self._length, self._at = whole, start, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, count: int = -1) -> bytes:
        left = max(0, self._length - self._at)
        self._whole.seek(self._start + self._at)
        found = self._whole.read(left if count < 0 else min(count, left))
        self._at += len(found)
        return found


@contextmanager
def _opened(path: Path, start: int, length: int) -> Iterator[BinaryIO]:
    with path.open("rb") as whole:
        yield _Slice(whole, start, length)  # type: ignore[misc]  # what a client reads of a file is there


def _said(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= _GB else f"{count / 1e6:.1f} MB"


def _md5(path: Path) -> str:
    """Return the sum by which the provider tells that the parts are whole."""
    found = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while piece := stream.read(_READ):
            found.update(piece)
    return found.hexdigest()
