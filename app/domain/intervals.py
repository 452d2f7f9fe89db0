"""How sure a figure of few rows is: 95 % intervals of shares and means, and what pairs of answers prove.

Standard library only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

_Z = 1.959963984540054  # the normal distribution's 97.5 % quantile
LEVEL = 0.95
_EXACT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where a figure lies with 95 % confidence."""

    low: float
    high: float

    def within(self, least: float, most: float) -> bool:
        """Tell whether all of it lies between two values."""
        return least <= self.low and self.high <= most


def of_share(hits: int, rows: int) -> Interval | None:
    """Return Wilson's score interval of `hits` in `rows` (Wilson 1927); None of no rows.

    Unlike the plain normal one it stays within 0 and 1, and says something of 0 and of all.
    """
    if rows <= 0:
        return None
    share, spread = hits / rows, _Z * _Z / rows
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / rows + spread / (4 * rows))
    # At the ends the formula gives 0 and 1 but for rounding.
    return Interval(low=0.0 if hits == 0 else middle - half, high=1.0 if hits == rows else middle + half)


def of_mean(values: Sequence[float]) -> Interval | None:
    """Return the mean with 1.96 standard errors to either side; None of fewer than two values."""
    return of_sums(len(values), math.fsum(values), math.fsum(each * each for each in values))


def of_sums(rows: int, total: float, squares: float) -> Interval | None:
    """Return the same of numbers that are known by how many they are, their sum, and the sum of their squares."""
    if rows < 2:  # noqa: PLR2004 -- one value has no spread
        return None
    mean = total / rows
    spread = max(0.0, squares - rows * mean * mean) / (rows - 1)  # rounding may bring it below 0
    half = _Z * math.sqrt(spread / rows)
    return Interval(low=mean - half, high=mean + half)


def of_paired_difference(better: int, worse: int, rows: int) -> Interval | None:
    """Return the interval of a difference of two shares of the same rows (Agresti and Min 2005); None of no rows.

    `better` of the rows are right on the second side alone, `worse` on the first alone. Half a row is added to each of
    the four kinds, so that a few rows on which both agree do not look like proof.
    """
    if rows <= 0:
        return None
    total = rows + 2
    difference = (better - worse) / total
    half = _Z * math.sqrt(((better + worse + 1) / total - difference * difference) / total)
    return Interval(low=max(-1.0, difference - half), high=min(1.0, difference + half))


def sign_test(better: int, worse: int) -> float:
    """Return McNemar's p-value, two-sided: how likely so uneven a split is where neither side is better.

    Exact up to a thousand rows that differ; beyond, by the normal distribution with the correction for whole numbers.
    """
    pairs, less = better + worse, min(better, worse)
    if better == worse:
        return 1.0
    if pairs > _EXACT:
        return 2 * NormalDist().cdf(-(pairs - 2 * less - 1) / math.sqrt(pairs))
    return min(1.0, 2 * sum(math.comb(pairs, each) for each in range(less + 1)) / (1 << pairs))
