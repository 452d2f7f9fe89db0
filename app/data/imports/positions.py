"""Where the rows of an imported file stood in it, kept as runs: a row, its position, and the step to the next one."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

_FIELDS = 3


class Positions:
    """The positions of a file's rows; 24 bytes for each run of rows that follow one another evenly."""

    def __init__(self, runs: Iterable[int] = ()) -> None:
        self._runs = array("Q", runs)
        self._next = self._step = 0

    def add(self, row: int, first: int, count: int, step: int) -> None:
        """Append `count` rows from number `row` (from 1) on."""
        if self._runs and first == self._next and (step == self._step or count == 1):
            self._next = first + self._step * count
            return
        self._runs.extend((row, first, step))
        self._next, self._step = first + step * count, step

    def of(self, row: int) -> int:
        """Return the position of a row, 0 where it is not known."""
        index = bisect_right(range(0, len(self._runs), _FIELDS), row, key=self._runs.__getitem__) - 1
        if index < 0:
            return 0
        start, first, step = self._runs[index * _FIELDS : index * _FIELDS + _FIELDS]
        return first + (row - start) * step

    def save(self, path: Path) -> None:
        """Write the runs, whole or not at all."""
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(self._runs.tobytes())
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Positions":
        """Return saved runs; none where there is nothing that can be read."""
        found = cls()
        try:
            content = path.read_bytes()
        except OSError:
            return found
        found._runs.frombytes(content[: len(content) // (8 * _FIELDS) * 8 * _FIELDS])
        return found
