"""What leaves this machine: is there a pickle in it, or a path of the machine?"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.training.portable import is_handed_out

_PICKLE, _NEWEST_PROTOCOL = 0x80, 5  # how a pickle of protocol 2 or later begins: this byte and the protocol's number


def of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the names and bytes of the files of a model's folder that are handed out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and is_handed_out(path):
            yield path.name, path.read_bytes()


def faults(files: Iterable[tuple[str, bytes]], *, paths: Iterable[Path]) -> list[str]:
    """Return what is wrong with files, by their names: pickles, also in archives, and these paths in any file."""
    secret = [str(path).encode() for path in paths]
    found = []
    for name, content in files:
        if is_pickle(content):
            found.append(f"{name} is a pickle")
        found += [f"{name} has {path.decode()}" for path in secret if path in content]
    return found


def is_pickle(content: bytes) -> bool:
    """Tell whether bytes are a pickle, or an archive with one inside, as torch saves."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(is_pickle(archive.read(name)) for name in archive.namelist())
    return len(content) > 1 and content[0] == _PICKLE and content[1] <= _NEWEST_PROTOCOL
