"""Edits of large files that are carried out beside the engine's turns: what is wanted, on the disk beside the file."""

import msgspec

from app.domain.edits import DatasetEdit
from app.store import codec
from app.store.files import FileStore


def kept(files: FileStore, sha256: str, key: str) -> DatasetEdit | None:
    """Return the edit of the file with that hash that was kept under a key; None where there is none."""
    try:
        return codec.load(DatasetEdit, files.edit_path(sha256, key).read_text(encoding="utf-8"))
    except (OSError, msgspec.DecodeError):
        return None


def keep(files: FileStore, sha256: str, key: str, wanted: DatasetEdit) -> None:
    """Keep an edit, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    half = files.temporary()
    try:
        half.write_text(codec.dump(wanted), encoding="utf-8")
        half.replace(files.edit_path(sha256, key))
    finally:
        half.unlink(missing_ok=True)
