"""Opening a file that somebody names, only below folders that an operator allows: no links, no `..`, no devices."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

_CHUNK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not hold up whoever opens it

_NO_FILE = "The path leads to a folder, a device, a pipe or a socket, not to a file."


class NotAllowed(Exception):
    """The path leads to no file that may be read; the text is a sentence that says why."""


@contextmanager
def opened(path: str, roots: Sequence[Path]) -> Iterator[BinaryIO]:
    """Give the regular file at an absolute path below one of `roots`, opened folder by folder from there.

    A link anywhere below the root is refused and not followed, also when it is put there meanwhile.

    Raises:
        NotAllowed: for anything else, and for a file that cannot be read.
    """
    wanted = PurePosixPath(path)
    if not wanted.is_absolute():
        raise NotAllowed("The path must begin at the root of the file system, as in /data/rows.jsonl.")
    if ".." in wanted.parts:
        raise NotAllowed("The path must not contain '..'.")
    root = next((each for each in roots if wanted.is_relative_to(each) and wanted != PurePosixPath(each)), None)
    if root is None:
        raise NotAllowed("The path lies below none of the folders that may be read from.")
    *folders, name = wanted.relative_to(root).parts
    with ExitStack() as stack:
        try:
            folder = _kept(stack, os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            for each in folders:
                folder = _kept(stack, os.open(each, _FOLDER, dir_fd=folder))
            file = os.open(name, _FILE, dir_fd=folder)
        except (OSError, ValueError) as error:
            raise NotAllowed(_sentence(error)) from error
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise NotAllowed(_NO_FILE)
        yield stack.enter_context(os.fdopen(file, "rb"))


def whole(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a file's bytes.

    Raises:
        NotAllowed: in the end, when the file grew, shrank or was written to meanwhile.
    """
    before, read = os.fstat(stream.fileno()), 0
    while chunk := stream.read(_CHUNK):
        read += len(chunk)
        if read > before.st_size:
            break  # it may grow as fast as it is read
        yield chunk
    after = os.fstat(stream.fileno())
    if (read, after.st_size, after.st_mtime_ns) != (before.st_size, before.st_size, before.st_mtime_ns):
        raise NotAllowed("The file changed while it was read.")


def _kept(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _sentence(error: OSError | ValueError) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code in {errno.ELOOP, errno.EMLINK}:
        return "The path leads over a symbolic link, which is not followed."
    if code == errno.ENOTDIR:
        return "A part of the path is no folder, or is a symbolic link, which is not followed."
    if code == errno.ENOENT:
        return "There is no such file."
    if code == errno.EACCES:
        return "The server's user may not read this file."
    if code == errno.ENXIO:
        return _NO_FILE
    return f"The file cannot be opened: {os.strerror(code) if code else 'the path is not valid'}."
