"""The data folder before anything in it is opened: there, writable, its owner's alone. Standard library only."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.setup.problems import SetupError

OTHERS = 0o077  # the rights of everybody but the owner; as a umask, what the server writes with
_ANOTHER = "name another folder: --data-dir PATH, or TUNEDESK_DATA_DIR."
_REASONS = {
    errno.ENOSPC: ("its disk is full", "Free some space, or "),
    errno.EDQUOT: ("your share of its disk is used up", "Free some space, or "),
    errno.EROFS: ("its file system is read-only", "Mount it for writing, or "),
    errno.EACCES: ("you may not write there", "Give yourself the right to, or "),
    errno.EPERM: ("you may not write there", "Give yourself the right to, or "),
    errno.EEXIST: ("it is a file", "Move that away, or "),
    errno.ENOTDIR: ("it, or a part of its path, is a file", "Move that away, or "),
}


def prepare(folder: Path) -> None:
    """Make the folder where there is none, and see that it can be written.

    Raises:
        SetupError: otherwise.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe(folder)
    except OSError as error:
        raise unusable(folder, error) from None


def probe(folder: Path) -> None:
    """Write a file that has no name, and is gone again.

    Raises:
        OSError: where none can be written.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(4096))


def unusable(folder: Path, error: OSError) -> SetupError:
    """Return in words why the data folder cannot be used."""
    reason, remedy = _REASONS.get(error.errno or 0, (error.strerror or str(error), "Fix that, or "))
    return SetupError(f"The data folder {folder} cannot be used: {reason}.", remedy + _ANOTHER)


def tighten(folder: Path, *more: Path) -> tuple[int, list[Path]]:
    """Take everybody else's rights from the folder, from all in it, and from the files `more`.

    Returns:
        How many files and folders had given any, and those that still do, because they belong to somebody else or
        their file system knows no rights. What lies in a folder that is its owner's alone is not looked at.
    """
    changed, left = 0, []
    for path in (*_wide_in(folder), folder, *more):
        with suppress(FileNotFoundError):  # a training goes on meanwhile, and renames what it has written
            found = path.stat()
            if found.st_mode & OTHERS:
                if found.st_uid == os.geteuid():
                    with suppress(PermissionError):
                        path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
                is_left = bool(path.stat().st_mode & OTHERS)
                changed += not is_left
                left += [path] * is_left
    return changed, left


def _wide_in(folder: Path) -> Iterator[Path]:
    """Give what others have rights to in a folder, a folder after what is in it; links are not followed."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_symlink() and entry.stat(follow_symlinks=False).st_mode & OTHERS:
                if entry.is_dir(follow_symlinks=False):
                    yield from _wide_in(Path(entry.path))
                yield Path(entry.path)
