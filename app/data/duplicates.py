"""Rows that come again: a number for each row, equal where roles and texts are."""

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import orjson

from app.data.formats.facts import SEPARATOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ODD = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio: its powers tell the first text from the second
_MODULUS = 1 << 64


class Duplicates:
    """The numbers of a file's first rows, at most so many; 16 bytes each, 48 for a moment at the end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._hashes, self._lines = array("Q"), array("q")
        self.rows = 0

    @property
    def wanted(self) -> bool:
        """Whether there is room for more rows."""
        return self.rows < self._limit

    def add(self, line: int, roles: tuple[str, ...], text: str) -> None:
        """Take one row by its texts, joined by the separator."""
        texts = (hash(orjson.dumps(each)[1:-1]) for each in text.split(SEPARATOR))
        mixed = sum(each * pow(_ODD, number, _MODULUS) for number, each in enumerate(texts, 1))
        self._hashes.append((mixed + hash(roles)) % _MODULUS)
        self._lines.append(line)
        self.rows += 1

    def add_many(
        self, lines: "NDArray[np.int64]", roles: Sequence[tuple[str, ...]], texts: "NDArray[np.uint64]"
    ) -> None:
        """Take rows by their lines, their roles and what `mixed` made of their texts.

        Rows of one block may come in any order; beyond the limit those with the lowest lines stay.
        """
        import numpy as np

        numbers = texts + np.array(list(map(hash, roles)), np.int64).astype(np.uint64)
        self._hashes.frombytes(numbers.tobytes())
        self._lines.frombytes(lines.tobytes())
        self.rows += len(lines)

    def found(self) -> Iterator[tuple[int, int]]:
        """Yield (line, the first line with the same row) for every row that comes again."""
        import numpy as np

        hashes, lines = np.frombuffer(self._hashes, np.uint64), np.frombuffer(self._lines, np.int64)
        if self.rows > self._limit:
            first = np.sort(np.argpartition(lines, self._limit)[: self._limit])
            hashes, lines = hashes[first], lines[first]
        order = np.lexsort((lines, hashes))
        same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
        first_line, before = 0, -1
        for position in same.tolist():
            if position != before + 1 or before < 0:
                first_line = int(lines[order[position]])
            before = position
            yield int(lines[order[position + 1]]), first_line

    @property
    def compared(self) -> int:
        """How many rows are compared with one another."""
        return min(self.rows, self._limit)


def mixed(texts: Sequence[bytes], first: Sequence[int]) -> "NDArray[np.uint64]":
    """Return a number for each row, from its texts as they are written: those from `first[i]` to `first[i + 1]`."""
    import numpy as np

    hashes = np.array(list(map(hash, texts)), np.int64).astype(np.uint64)
    bounds = np.array(first)
    counts = np.diff(bounds)
    number = np.arange(len(hashes)) - np.repeat(bounds[:-1], counts)
    powers = np.cumprod(np.full(int(counts.max(initial=0)), _ODD, np.uint64))
    sums = np.append(np.uint64(0), np.cumsum(hashes * powers[number], dtype=np.uint64))
    rows: NDArray[np.uint64] = sums[bounds[1:]] - sums[bounds[:-1]]
    return rows
