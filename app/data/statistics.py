"""Counting what sound rows consist of: roles, lengths, labels, and rows that come again."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from app.data.duplicates import Duplicates, mixed
from app.data.formats.facts import Facts
from app.data.labels import LabelTracker
from app.data.limits import Limits
from app.data.skeletons import Look, Skeleton
from app.data.tokens import BYTES_PER_TOKEN, MESSAGE_TOKENS
from app.domain.datasets import LengthBin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_SEQUENCES = 1000
_MAX_EXTRA = 20
_STEPS = 4  # bins in each doubling of length, and the first power of two that is divided so


class StatisticsCollector:
    """The sums over the rows so far, in constant memory."""

    def __init__(self, limits: Limits) -> None:
        self._sequences: dict[tuple[str, ...], int] = {}
        self._roles: Counter[str] = Counter()
        self._features: set[str] = set()
        self._bins: Counter[int] = Counter()
        self.duplicates = Duplicates(limits.duplicate_rows)
        self.extra: set[str] = set()
        self.labels = LabelTracker()
        self.rows = 0
        self.tokens = 0

    def add(self, line: int, facts: Facts) -> None:
        """Count one sound row."""
        roles, text, answer, extra, features = facts
        size = len(text) if text.isascii() else len(text.encode())
        tokens = (size + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN + (len(roles) + 1) * MESSAGE_TOKENS
        self.tokens += tokens
        self._bins[_bin_of(tokens)] += 1
        self._count(roles, extra, 1)
        if self.labels.alive:
            self.labels.add(answer)
        if self.duplicates.wanted:
            self.duplicates.add(line, roles, text)
        if features:
            self._features |= features

    def meet(self, skeleton: Skeleton) -> None:
        """Take note that rows with this skeleton stand here; `add_look` counts them."""
        self._count(skeleton.roles, skeleton.extra, 0)

    def add_look(self, line: int, look: Look, known: Sequence[Skeleton | None], sound: Sequence[int]) -> None:
        """Count the `sound` ones of a block's lines, all of them `known`; its first line has this number."""
        import numpy as np

        index = np.array(sound, np.int64)
        rows = list(filter(None, known))
        for skeleton, count in Counter(rows).items():
            self._count(skeleton.roles, skeleton.extra, count)
        self._add_lengths(look.sizes[index], np.array([len(each.roles) for each in rows], np.int64))
        if self.labels.alive or self.duplicates.wanted:
            texts = look.texts()
            for number, skeleton in zip(sound, rows, strict=True):
                if not self.labels.alive:
                    break
                self.labels.add(orjson.loads(b'"%b"' % texts[look.first[number + 1] - 1]) if skeleton.answers else "")
            if self.duplicates.wanted:
                self.duplicates.add_many(index + line, [each.roles for each in rows], mixed(texts, look.first)[index])

    def _add_lengths(self, sizes: "NDArray[np.int64]", messages: "NDArray[np.int64]") -> None:
        import numpy as np

        tokens = (sizes + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN + (messages + 1) * MESSAGE_TOKENS
        self.tokens += int(tokens.sum())
        shifts = np.maximum(np.frexp(tokens)[1] - 3, 0)
        bins = np.bincount(shifts * _STEPS + (tokens >> shifts))
        for number in bins.nonzero()[0].tolist():
            self._bins[number] += int(bins[number])

    def _count(self, roles: tuple[str, ...], extra: frozenset[str], rows: int) -> None:
        self.rows += rows
        try:
            self._sequences[roles] += rows
        except KeyError:
            self._new_sequence(roles, rows)
        if extra and len(self.extra) < _MAX_EXTRA:
            self.extra |= extra

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

    @property
    def unchecked(self) -> int:
        """How many rows were not compared with the others."""
        return self.rows - self.duplicates.compared

    def _new_sequence(self, roles: tuple[str, ...], rows: int) -> None:
        if len(self._sequences) >= _MAX_SEQUENCES:
            self._fold()
        self._sequences[roles] = rows

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
