"""What is to be made of large files beside the engine's turns, edits and joins: kept on the disk beside the file."""

from pathlib import Path
from typing import TypeVar

import msgspec

from app.store import codec
from app.store.files import FileStore

T = TypeVar("T")


def kept(kind: type[T], path: Path) -> T | None:
    """Return what was kept under a path; None where there is nothing."""
    try:
        return codec.load(kind, path.read_text(encoding="utf-8"))
    except (OSError, msgspec.DecodeError):
        return None


def keep(files: FileStore, path: Path, wanted: object) -> None:
    """Keep what is wanted under a path, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    half = files.temporary()
    try:
        half.write_text(codec.dump(wanted), encoding="utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
