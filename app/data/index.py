"""Where the lines of a file begin, kept for every 64 KiB, so that any line is found at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from app.kit.whole_files import draft_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_STRIDE = 1 << 16
_READ_BYTES = 1 << 20
_ROWS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineIndex:
    """`numbers[i]` is the line that begins at byte `offsets[i]`; `lines` and `bytes` are the file's totals."""

    numbers: "NDArray[np.uint64]"
    offsets: "NDArray[np.uint64]"
    lines: int
    bytes: int

    def before(self, line: int) -> tuple[int, int]:
        """Return the nearest known line at or before this one, and the byte at which it begins."""
        import numpy as np

        position = max(int(np.searchsorted(self.numbers, np.uint64(max(line, 1)), side="right")) - 1, 0)
        return int(self.numbers[position]), int(self.offsets[position])


def build_index(path: Path) -> LineIndex:
    """Return the index of a file, in one pass that looks at line feeds only."""
    import numpy as np

    with path.open("rb") as stream:
        marks = list(_marks(stream))
    *known, (lines, size) = marks
    numbers, offsets = zip(*known, strict=True)
    return LineIndex(
        numbers=np.array(numbers, np.uint64), offsets=np.array(offsets, np.uint64), lines=lines, bytes=size
    )


def save_index(index: LineIndex, path: Path) -> None:
    """Write the index, whole or not at all."""
    import numpy as np

    table = np.stack(
        [np.append(index.numbers, np.uint64(index.lines)), np.append(index.offsets, np.uint64(index.bytes))]
    )
    part = draft_of(path)
    with part.open("wb") as file:
        np.save(file, table, allow_pickle=False)
    part.replace(path)


def load_index(path: Path) -> LineIndex | None:
    """Return a saved index; None where there is none that can be read."""
    import numpy as np

    try:
        with path.open("rb") as file:
            table = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if (
        not isinstance(table, np.ndarray)
        or table.dtype != np.uint64
        or table.shape[:1] != (_ROWS,)
        or table.size < 2 * _ROWS
    ):
        return None
    numbers, offsets = table[:, :-1]
    return LineIndex(numbers=numbers, offsets=offsets, lines=int(table[0, -1]), bytes=int(table[1, -1]))


def _marks(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield (line, its first byte) at the start and about every 64 KiB, at last (number of lines, size)."""
    line, offset, last, ended = 1, 0, 0, True
    yield 1, 0
    while chunk := stream.read(_READ_BYTES):
        for start in range(0, len(chunk), _STRIDE):
            piece = chunk[start : start + _STRIDE]
            feed = piece.rfind(b"\n")
            line += piece.count(b"\n")
            if feed >= 0 and offset + feed + 1 - last >= _STRIDE // 2:
                last = offset + feed + 1
                yield line, last
            offset += len(piece)
        ended = chunk.endswith(b"\n")
    yield line - ended, offset
