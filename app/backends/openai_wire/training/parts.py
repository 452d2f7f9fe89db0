"""Files that are too large for one request go up in parts: an upload is begun, given its parts, and completed.

A part is at most 64 MB, and an upload is gone an hour after its beginning at OpenAI, two at Azure (OpenAI's reference
of uploads, openai-openapi 2.3.0; Microsoft's azure-skills, "large file uploads", 2026-08-21). Until it is completed
there is no file, and completing it twice makes none twice: whoever asks again finds the file by its name.

An upload is written down before its first part is sent, and each part as soon as it has an id: what was interrupted, by
the network or by the end of this process, goes on behind the last part that was written down.
"""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from app.backends.openai_wire.training.begun import BegunUpload, BegunUploads
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


class PartedUploads:
    """Sends large files; one that was interrupted goes on behind its last part, in another process, too."""

    def __init__(self, plane: Plane, sizes: Sizes, records: Path) -> None:
        """`records` is a folder of this plane's own for what is under way."""
        self._plane, self.sizes = plane, sizes
        self._begun = BegunUploads(records)

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
        file = BegunUpload(id="", size=path.stat().st_size, part=self.sizes.part, md5=_md5(path))
        known = self._begun.of(name)
        earlier = known if known is not None and known.is_of(file) else None
        begun = earlier or self._begin(name, purpose, file)
        try:
            whole = self._with_all_parts(path, name, begun)
            made = self._plane.post(f"{UPLOADS}/{begun.id}/complete", {"part_ids": whole.parts, "md5": file.md5})
        except Permanent as error:
            self.forget(name)
            if earlier is not None:  # it has run out meanwhile; the next turn begins another
                raise Unavailable(error.detail, fix="The upload is begun anew.") from error
            raise
        self.forget(name)
        found = made.get("file") if isinstance(made, dict) else None
        if not isinstance(found, dict):
            raise Unavailable(f"{self._plane.name} completed an upload, and names no file yet.")
        return found

    def forget(self, name: str) -> None:
        """Know nothing more of an upload, which is over; none being there is fine."""
        with _recorded():
            self._begun.forget(name)

    def _begin(self, name: str, purpose: str, file: BegunUpload) -> BegunUpload:
        body = {"filename": name, "purpose": purpose, "bytes": file.size, "mime_type": "application/jsonl"}
        try:
            made = self._plane.post(UPLOADS, body)
        except NotFound as error:
            message = (
                f"The rows come to {_said(file.size)}; {self._plane.name} takes {_said(self.sizes.one_request)} in one "
                "request, and has no uploads in parts."
            )
            raise DataRejected(message, fix="Train on fewer rows, or on shorter ones.") from error
        if not isinstance(made, dict) or not made.get("id"):
            raise Unavailable(f"{self._plane.name} answered the beginning of an upload with something that names none.")
        begun = replace(file, id=str(made["id"]))
        with _recorded():
            self._begun.keep(name, begun)
            self._begun.sweep(name)
        return begun

    def _with_all_parts(self, path: Path, name: str, begun: BegunUpload) -> BegunUpload:
        """Send what is missing, and return the upload with all of its parts."""
        while (start := len(begun.parts) * begun.part) < begun.size:
            with _opened(path, start, min(begun.part, begun.size - start)) as part:
                made = self._plane.send_form(f"{UPLOADS}/{begun.id}/parts", {}, {"data": ("upload", part, _TYPE)})
            if not made.get("id"):
                raise Unavailable(f"{self._plane.name} answered a part of an upload with something that names none.")
            begun = begun.with_part(str(made["id"]))
            with _recorded():
                self._begun.keep(name, begun)
        return begun


@contextmanager
def _recorded() -> Iterator[None]:
    """Say in our words that a record cannot be written."""
    try:
        yield
    except OSError as error:
        message = f"How far the upload is cannot be written down: {error.strerror or error}."
        raise Unavailable(message, fix="Look at the disk, and at the rights of the data folder.") from error


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
