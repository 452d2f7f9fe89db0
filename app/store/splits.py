"""Splits that were computed once, on the disk beside the file that they are of: the same one is not computed again."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

import msgspec

from app.domain.splits import SplitResult
from app.store import codec
from app.store.files import FileStore

_making = Lock()
_computing: WeakValueDictionary[Path, "_Turn"] = WeakValueDictionary()  # by the file that a split is kept in


class _Turn:
    """Whose turn it is to compute one split."""

    def __init__(self) -> None:
        self.lock = Lock()


def once(files: FileStore, sha256: str, key: str, compute: Callable[[], SplitResult]) -> SplitResult:
    """Return the split that was kept, or else compute and keep it; who asks meanwhile waits for that.

    Raises:
        OSError: it cannot be written.
    """
    known = kept(files, sha256, key)
    if known is not None:
        return known
    with _making:
        turn = _computing.setdefault(files.split_path(sha256, key), _Turn())
    with turn.lock:
        return kept(files, sha256, key) or keep(files, sha256, key, compute())


def kept(files: FileStore, sha256: str, key: str) -> SplitResult | None:
    """Return the split of the file with that hash that was kept under a key; None where there is none."""
    try:
        return codec.load(SplitResult, files.split_path(sha256, key).read_text(encoding="utf-8"))
    except (OSError, msgspec.DecodeError):
        return None


def keep(files: FileStore, sha256: str, key: str, result: SplitResult) -> SplitResult:
    """Keep a split; return it as it will be read.

    Raises:
        OSError: it cannot be written.
    """
    half = files.temporary()
    try:
        text = codec.dump(result)
        half.write_text(text, encoding="utf-8")
        half.replace(files.split_path(sha256, key))
    finally:
        half.unlink(missing_ok=True)
    return codec.load(SplitResult, text)
