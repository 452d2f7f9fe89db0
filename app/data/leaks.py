"""Held-out rows that training gives away: equal questions, and nearly equal ones."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.data.shingles import FREE_BITS, ShingleFile
from app.domain.splits import Leakage, LeakPair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Hashes = NDArray[np.uint64]
    Numbers = NDArray[np.int64]

NEAR = 0.6  # Jaccard similarity of three-word shingles; planted near duplicates of prose gave no false pair at it
MAX_COMPARED = 5000  # held-out rows whose shingles are held; of more, the first ones in the file
MAX_POSTINGS = 50  # a shingle that so many held-out rows share (a greeting, a form) tells nothing
MAX_PAIRS = 100
_ROUNDING = 1e-6
_MOST_NEAR = 0.999
_CHUNK = 1 << 15  # shingles looked at together
_TABLE_ROOM = 8  # entries for each posting: at most one in eight looks like one and is none
_SLOT_BITS = 9
_ROW = (1 << FREE_BITS) - 1  # the bits of a posting that say which held-out row it is of


class LeakCheck:
    """The held-out questions of a file, against which its other questions are held."""

    def __init__(self, shingles: ShingleFile, held: "Flags") -> None:
        """Take the shingles of all rows, and which rows are held out."""
        import numpy as np

        self._np, self._shingles, self._held = np, shingles, held
        self._counts = shingles.counts.astype(np.int64)
        self._bounds = np.append(0, np.cumsum(self._counts))
        self._compared = np.flatnonzero(held & (self._counts > 0))[:MAX_COMPARED]
        self._best: dict[int, tuple[float, int]] = {}  # by held-out row: similarity and row of training

    def run(self, questions: "Hashes", lines: "Numbers") -> Leakage:
        """Return how many held-out rows have an equal or a nearly equal question in training.

        `questions` are numbers of the rows' questions, equal where these are, and `lines` the rows' line numbers.
        """
        self._find_equal(questions)
        if len(self._compared):
            self._find_near()
        exact = sum(similarity == 1.0 for similarity, _ in self._best.values())
        pairs = sorted(self._best.items(), key=lambda item: (-item[1][0], item[0]))[:MAX_PAIRS]
        return Leakage(
            exact=exact,
            near=len(self._best) - exact,
            checked=int(self._np.count_nonzero(self._held & (self._counts > 0))),
            pairs=tuple(
                LeakPair(line=int(lines[row]), training_line=int(lines[training]), similarity=round(similarity, 3))
                for row, (similarity, training) in pairs
            ),
        )

    def _find_equal(self, questions: "Hashes") -> None:
        np = self._np
        rows = np.flatnonzero(self._held & (self._counts > 0))
        order = np.argsort(questions[rows], kind="stable")
        known = questions[rows[order]]
        others = np.flatnonzero(~self._held & (self._counts > 0))
        for some in np.array_split(others, len(others) // _CHUNK + 1):
            begin, end = (known.searchsorted(questions[some], side=side) for side in ("left", "right"))
            for index in np.flatnonzero(end > begin).tolist():
                for row in rows[order[begin[index] : end[index]]].tolist():
                    self._note(row, 1.0, int(some[index]))

    def _find_near(self) -> None:
        np, postings = self._np, self._postings()
        sizes = np.bincount(self._rows_of(postings))  # distinct shingles
        bits = (len(postings) * _TABLE_ROOM).bit_length()
        table = np.zeros(1 << bits, bool)
        table[self._slots(postings, bits, 64 - bits)] = True
        for first, last, hashes in self._chunks():
            found = table[self._slots(hashes, bits, 64 - bits)]
            for row in np.flatnonzero(self._may_be_near(first, last, hashes, found) & ~self._held[first:last]).tolist():
                begin, end = self._bounds[first + row : first + row + 2] - self._bounds[first]
                self._compare(first + row, np.unique(hashes[begin:end]), postings, sizes)

    def _chunks(self) -> "Iterator[tuple[int, int, Hashes]]":
        """Yield rows, from the first to before the last, with their shingles."""
        self._shingles.rewind()
        first, rows = 0, len(self._counts)
        while first < rows:
            fit = int(self._bounds.searchsorted(self._bounds[first] + _CHUNK, side="right")) - 1
            last = max(fit, first + 1)
            yield first, last, self._shingles.read(int(self._bounds[last] - self._bounds[first]))
            first = last

    def _postings(self) -> "Hashes":
        """Return the held-out rows' shingles in rising order, each with its row among the compared in its low bits."""
        np = self._np
        sizes = self._counts[self._compared]
        made: Hashes = np.empty(int(sizes.sum()), np.uint64)
        at = 0
        number = np.full(len(self._counts), -1)
        number[self._compared] = np.arange(len(self._compared))
        for first, last, hashes in self._chunks():
            counts = self._counts[first:last]
            owner = np.repeat(number[first:last], counts)
            own = owner >= 0
            some = hashes[own] | owner[own].astype(np.uint64)
            made[at : at + len(some)] = some
            at += len(some)
        made.sort()
        fresh: Flags = np.append(True, made[1:] != made[:-1])
        return made if fresh.all() else made[fresh]

    def _rows_of(self, postings: "Hashes") -> "Numbers":
        rows: Numbers = (postings & self._np.uint64(_ROW)).view(self._np.int64)
        return rows

    def _slots(self, hashes: "Hashes", bits: int, skipped: int) -> "Numbers":
        """Return so many bits of hashes, above those that are skipped."""
        np = self._np
        slots: Numbers = (hashes >> np.uint64(skipped)).view(np.int64)
        slots &= (1 << bits) - 1
        return slots

    def _may_be_near(self, first: int, last: int, hashes: "Hashes", found: "Flags") -> "Flags":
        """Return which rows may be near a held-out one, given the shingles that one of these may have.

        Of a near one's distinct shingles at least 0.6 are a held-out question's, so those that are surely none's come
        to two thirds of the others at most. Distinct ones are counted by a few of their bits: rather too few.
        """
        np, rows = self._np, last - first
        bounds = self._bounds[first : last + 1] - self._bounds[first]
        sums = np.append(0, np.cumsum(found))
        known = sums[bounds[1:]] - sums[bounds[:-1]]
        missed = np.flatnonzero(~found)
        slots = self._slots(hashes[missed], _SLOT_BITS, FREE_BITS)
        slots += np.repeat(np.arange(rows) << _SLOT_BITS, bounds[1:] - bounds[:-1] - known)
        seen = np.zeros(rows << _SLOT_BITS, bool)
        seen[slots] = True
        distinct = np.count_nonzero(seen.reshape(rows, -1), axis=1)
        near: Flags = (known > 0) & (distinct * NEAR <= known * (1 - NEAR) + _ROUNDING)
        return near

    def _compare(self, training: int, own: "Hashes", postings: "Hashes", sizes: "Numbers") -> None:
        """Hold a training row against all held-out ones, by its distinct shingles; `sizes` are how many those have."""
        np = self._np
        begin, end = postings.searchsorted(own), postings.searchsorted(own | np.uint64(_ROW), side="right")
        begin, end = (each[(end > begin) & (end - begin <= MAX_POSTINGS)] for each in (begin, end))
        least = len(own) * NEAR - _ROUNDING
        if len(begin) < least:
            return
        lengths = end - begin
        at = np.repeat(begin - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))
        shared = np.bincount(self._rows_of(postings[at]))
        for index in np.flatnonzero(shared >= least).tolist():
            common = int(shared[index])
            similarity = common / (len(own) + int(sizes[index]) - common)
            if similarity >= NEAR:
                self._note(int(self._compared[index]), min(similarity, _MOST_NEAR), training)

    def _note(self, row: int, similarity: float, training: int) -> None:
        if similarity > self._best.get(row, (0.0, 0))[0]:
            self._best[row] = (similarity, training)
