"""Which rows are read together: as many as a budget of tokens and of logits lets in, rows of about one length.

A batch is as wide as its longest row, so rows are sorted by their length, the longest first: what takes the most memory
comes at the beginning, and little of a batch is padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

TOKENS = 2048  # rows times width of a batch that has more than one row
LOGIT_BYTES = 64_000_000  # of the logits of a batch that has more than one row, in float32
_FP32 = 4


@dataclass(frozen=True, slots=True)
class Budget:
    """`rows` at most; `vocabulary`: the entries that each of the logits has."""

    rows: int
    vocabulary: int

    def fits(self, rows: int, width: int, positions: int) -> bool:
        """Tell whether a batch of that many rows and tokens, with logits at so many positions of each, is let in."""
        if rows <= 1:
            return True
        logits = rows * positions * self.vocabulary * _FP32
        return rows <= self.rows and rows * width <= TOKENS and logits <= LOGIT_BYTES


def by_length(spans: Sequence[tuple[int, int]], budget: Budget) -> list[list[int]]:
    """Return batches of positions in `spans`: of each row the number of its tokens, and from which on logits are made.

    Logits are made at the same positions of all rows of a batch, from the least of them on.
    """
    made: list[list[int]] = []
    earliest = width = 0
    for index in sorted(range(len(spans)), key=lambda each: (-spans[each][0], each)):
        length, begin = spans[index]
        if made and budget.fits(len(made[-1]) + 1, width, width - min(earliest, begin)):
            made[-1].append(index)
            earliest = min(earliest, begin)
        else:
            made.append([index])
            width, earliest = length, begin
    return made
