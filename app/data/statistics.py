"""Counting what sound rows consist of: roles, lengths, labels, and rows that come again."""

from array import array
from collections import Counter
from collections.abc import Iterator

from app.data.formats.facts import Facts
from app.data.labels import LabelTracker
from app.data.limits import Limits
from app.data.tokens import BYTES_PER_TOKEN, MESSAGE_TOKENS
from app.domain.datasets import LengthBin

_MAX_SEQUENCES = 1000
_MAX_EXTRA = 20
_STEPS = 4  # bins in each doubling of length, and the first power of two that is divided so


class StatisticsCollector:
    """The sums over the rows so far, in constant memory."""

    def __init__(self, limits: Limits) -> None:
        self._duplicate_rows = limits.duplicate_rows
        self._sequences: dict[tuple[str, ...], int] = {}
        self._roles: Counter[str] = Counter()
        self._features: set[str] = set()
        self._bins: Counter[int] = Counter()
        self._hashes = array("q")
        self._lines = array("q")
        self.extra: set[str] = set()
        self.labels = LabelTracker()
        self.rows = 0
        self.tokens = 0

    def add(self, line: int, facts: Facts) -> None:
        """Count one sound row."""
        roles, text, answer, extra, features = facts
        data = text.encode()
        tokens = (len(data) + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN + (len(roles) + 1) * MESSAGE_TOKENS
        self.rows += 1
        self.tokens += tokens
        self._bins[_bin_of(tokens)] += 1
        try:
            self._sequences[roles] += 1
        except KeyError:
            self._new_sequence(roles)
        if self.labels.alive:
            self.labels.add(answer)
        if self.rows <= self._duplicate_rows:
            self._hashes.append(hash((roles, data)))
            self._lines.append(line)
        if extra and len(self.extra) < _MAX_EXTRA:
            self.extra |= extra
        if features:
            self._features |= features

    def roles(self) -> tuple[tuple[str, int], ...]:
        """Return how many messages each role has, most frequent first."""
        self._fold()
        return tuple(self._roles.most_common())

    def features(self) -> tuple[str, ...]:
        """Return what the rows make use of, in alphabetical order."""
        self._fold()
        return tuple(sorted(self._features | ({"extra_fields"} if self.extra else set())))

    def lengths(self) -> tuple[LengthBin, ...]:
        """Return the histogram of estimated tokens a row, empty bins between full ones included."""
        if not self._bins:
            return ()
        return tuple(
            LengthBin(low=_low(number), high=_low(number + 1), rows=self._bins[number])
            for number in range(min(self._bins), max(self._bins) + 1)
        )

    def duplicates(self) -> Iterator[tuple[int, int]]:
        """Yield (line, the first line with the same row) for every row that comes again."""
        import numpy as np

        hashes, lines = np.frombuffer(self._hashes, np.int64), np.frombuffer(self._lines, np.int64)
        order = np.argsort(hashes, kind="stable")
        same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
        first, before = 0, -1
        for position in same.tolist():
            if position != before + 1 or before < 0:
                first = int(lines[order[position]])
            before = position
            yield int(lines[order[position + 1]]), first

    @property
    def unchecked(self) -> int:
        """How many rows were not compared with the others."""
        return self.rows - len(self._hashes)

    def _new_sequence(self, roles: tuple[str, ...]) -> None:
        if len(self._sequences) >= _MAX_SEQUENCES:
            self._fold()
        self._sequences[roles] = 1

    def _fold(self) -> None:
        for sequence, rows in self._sequences.items():
            for role in sequence:
                self._roles[role] += rows
            if sequence[:1] in {("system",), ("developer",)}:
                self._features.add("system")
            if sequence.count("assistant") > 1:
                self._features.add("multi_turn")
        self._sequences.clear()


def _bin_of(tokens: int) -> int:
    shift = max(tokens.bit_length() - 3, 0)
    return shift * _STEPS + (tokens >> shift)


def _low(number: int) -> int:
    if number < 2 * _STEPS:
        return number
    return (number % _STEPS + _STEPS) << (number // _STEPS - 1)
