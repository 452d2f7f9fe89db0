"""Uploads in parts on the disk: a folder each, with a file for each part and what was said of the whole."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from app.domain.errors import Invalid, NotFound, Problem, TooLarge, no_room
from app.domain.uploads import UploadInParts
from app.kit.ids import is_id
from app.kit.whole_files import draft_of
from app.store import codec
from app.store.files import FileStore, StoredFile

LARGEST_PART = 64 * 2**20
_PIECE = 2**20
_MIB = 2**20


class UploadParts:
    """The uploads in parts of one data folder."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._root = files.root / "upload-parts"

    def save(self, upload: UploadInParts) -> None:
        """Write what is known of an upload; a new one gets its folder."""
        folder = self._root / upload.id
        half = draft_of(folder / "said")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            half.write_text(codec.dump(upload), encoding="utf-8")
            half.replace(folder / "said")
        except OSError as error:
            raise no_room(error) or error from error

    def get(self, identifier: str) -> UploadInParts:
        """Return an upload.

        Raises:
            NotFound: when there is none.
        """
        try:
            return codec.load(UploadInParts, self._file(identifier, "said").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise _gone(identifier) from None

    def add(self, upload: UploadInParts, part: str, chunks: Iterable[bytes]) -> None:
        """Keep a part; half a part has no name of its own.

        Raises:
            TooLarge: it is larger than 64 MiB, or all parts together than the file was said to be.
            StorageFull: when the disk has no room.
        """
        self._files.check_room()
        half = self._files.temporary()
        most = min(LARGEST_PART, upload.bytes - self._held(upload.id))
        try:
            with half.open("wb") as handle:
                for chunk in chunks:
                    if handle.tell() + len(chunk) > most:
                        raise _too_much(upload, most)
                    handle.write(chunk)
            half.replace(self._file(upload.id, part))
        except OSError as error:
            raise no_room(error) or error from error
        finally:
            half.unlink(missing_ok=True)

    def whole(self, upload: UploadInParts, parts: Sequence[str], md5: str | None) -> StoredFile:
        """Store the parts as one file, in this order.

        Raises:
            Invalid: a part is missing or named twice, they have another number of bytes than was said, or another
                MD5 than `md5` (hex).
            TooLarge, StorageFull: as `FileStore.store`.
        """
        files = [self._file(upload.id, each) for each in parts]
        missing = next((name for name, file in zip(parts, files, strict=True) if not file.is_file()), None)
        if missing is not None or len(set(parts)) != len(parts):
            raise _wrong(
                "/part_ids", "A part is named that is not here, or one is named twice.", "Name each part once."
            )
        size = sum(file.stat().st_size for file in files)
        if size != upload.bytes:
            message = f"The parts have {size:,} bytes together, and the file was said to have {upload.bytes:,}."
            raise _wrong("/part_ids", message, "Name all parts, in their order.")
        digest = hashlib.md5(usedforsecurity=False)
        stored = self._files.store(_pieces(files, digest.update))
        if md5 is not None and digest.hexdigest() != md5.lower():
            raise _wrong("/md5", "The file that came has another MD5 than was said.", "Send the parts again.")
        return stored

    def forget_parts(self, identifier: str) -> None:
        """Remove the parts, and keep what is known of the upload."""
        for file in self._root.joinpath(identifier).glob("prt_*"):
            file.unlink(missing_ok=True)

    def remove_older(self, before: float) -> None:
        """Remove uploads in which nothing was written since then (seconds since 1970)."""
        for folder in self._root.glob("up_*"):
            if max(each.stat().st_mtime for each in (folder, *folder.iterdir())) < before:
                shutil.rmtree(folder, ignore_errors=True)

    def _held(self, identifier: str) -> int:
        return sum(file.stat().st_size for file in self._root.joinpath(identifier).glob("prt_*"))

    def _file(self, identifier: str, name: str) -> Path:
        if not is_id(identifier):
            raise _gone(identifier)
        return self._root / identifier / name


def _pieces(files: Sequence[Path], seen: Callable[[bytes], None]) -> Iterator[bytes]:
    for file in files:
        with file.open("rb") as handle:
            while piece := handle.read(_PIECE):
                seen(piece)
                yield piece


def _too_much(upload: UploadInParts, most: int) -> TooLarge:
    if most < LARGEST_PART:
        return TooLarge(f"The parts have more bytes than the {upload.bytes:,} that were said.", fix="Begin anew.")
    return TooLarge(f"The part is larger than {LARGEST_PART // _MIB} MiB.", fix="Cut the file into smaller parts.")


def _wrong(pointer: str, message: str, fix: str) -> Invalid:
    return Invalid([Problem(pointer, "invalid", message, fix)])


def _gone(identifier: str) -> NotFound:
    return NotFound("upload", identifier, fix="Begin again: unfinished uploads are kept for an hour.")
