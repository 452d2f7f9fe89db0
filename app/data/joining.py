"""Several files of rows written one after the other."""

from collections.abc import Sequence
from pathlib import Path

from app.data.lines import BOM, READ_BYTES
from app.kit.progress import passed


def join_files(paths: Sequence[Path], out: Path) -> list[int]:
    """Write the lines of all files to `out`; return how many lines stand before those of each.

    A byte-order mark at the start of a file is left out, and each last line has a line feed.

    Raises:
        OSError: a file cannot be read or written.
    """
    before, lines = list[int](), 0
    with out.open("wb") as target:
        for path in paths:
            before.append(lines)
            last = b"\n"
            with path.open("rb") as stream:
                if stream.read(len(BOM)) != BOM:
                    stream.seek(0)
                while chunk := stream.read(READ_BYTES):
                    passed(len(chunk))
                    lines += chunk.count(b"\n")
                    last = chunk[-1:]
                    target.write(chunk)
            if last != b"\n":
                lines += target.write(b"\n")
    return before
