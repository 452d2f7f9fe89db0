"""Where the rows of an imported file stood in it, kept as runs: a row, its position, and the step to the next one."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.kit.whole_files import draft_of

_FIELDS = 3
_NO_END = 1 << 62


class Positions:
    """The positions of a file's rows; 24 bytes for each run of rows that follow one another evenly."""

    def __init__(self, runs: Iterable[int] = ()) -> None:
        self._runs = array("Q", runs)
        self._last = 0

    def add(self, row: int, positions: Sequence[int]) -> None:
        """Append the positions of the rows from number `row` (from 1) on."""
        if positions and positions[-1] - positions[0] == len(positions) - 1 and self._continues(positions):
            self._last += len(positions)
            return
        runs = self._runs
        for number, position in enumerate(positions, row):
            step = position - self._last
            if runs and runs[-2] == self._last and number == runs[-3] + 1:
                runs[-1] = step  # the second row of a run says what its step is
            elif not runs or step != runs[-1]:
                runs.extend((number, position, 0))
            self._last = position

    def _continues(self, positions: Sequence[int]) -> bool:
        return bool(self._runs) and self._runs[-1] == 1 and positions[0] == self._last + 1

    def of(self, row: int) -> int:
        """Return the position of a row, 0 where it is not known."""
        index = bisect_right(range(0, len(self._runs), _FIELDS), row, key=self._runs.__getitem__) - 1
        if index < 0:
            return 0
        start, first, step = self._runs[index * _FIELDS : index * _FIELDS + _FIELDS]
        return first + (row - start) * step

    def without(self, removed: Sequence[int]) -> "Positions":
        """Return the positions of the rows that are left when these (rising) are taken out."""
        made, runs, gone = Positions(), self._runs, 0
        ends = [*runs[_FIELDS::_FIELDS], _NO_END]
        for at, end in enumerate(ends if runs else ()):
            start, first, step = runs[at * _FIELDS : at * _FIELDS + _FIELDS]
            row = start
            while row < end:
                while gone < len(removed) and removed[gone] < row:
                    gone += 1
                until = removed[gone] if gone < len(removed) and removed[gone] < end else end
                if row < until:
                    made._runs.extend((row - gone, first + (row - start) * step, step))
                gone += until < end
                row = until + 1
        return made

    def save(self, path: Path) -> None:
        """Write the runs, whole or not at all."""
        part = draft_of(path)
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
