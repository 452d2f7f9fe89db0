"""How long rows are, told well at any number of them."""

import pytest

from app.domain.datasets import LengthBin
from app.web.views.datasets import lengths


def counted(*bins: tuple[int, int | None, int]) -> list[LengthBin]:
    return [LengthBin(low=low, high=high, rows=rows) for low, high, rows in bins]


@pytest.mark.parametrize(
    ("bins", "said"),
    [
        ([(16, 20, 1)], "All rows have 16–19 tokens."),
        ([(16, 20, 5_000_000)], "All rows have 16–19 tokens."),
        ([(7, 8, 3)], "All rows have 7 tokens."),
        ([(16, 20, 40), (20, 24, 0), (24, 28, 1)], "16–19 tokens: 40 rows, 24–27 tokens: 1 row."),
    ],
)
def test_few_lengths_are_a_sentence(bins: list[tuple[int, int | None, int]], said: str) -> None:
    found = lengths(counted(*bins))
    assert found is not None
    assert (found.sentence, found.bins) == (said, ())


def test_no_rows_are_nothing() -> None:
    assert lengths([]) is None


def test_many_lengths_are_a_histogram_with_its_axis_and_a_sentence() -> None:
    bins = [(low, low + 4, 1000 if low == 16 else 1) for low in range(8, 60, 4)]
    found = lengths(counted(*bins))
    assert found is not None
    assert found.sentence == "Half of the rows have at most 19 tokens, 95% at most 19; the longest 56–59."
    assert (found.high, len(found.bins)) == (1000, 13)
    assert [found.ticks[0], found.ticks[-1], len(found.ticks)] == ["8", "56", 5]
    assert found.bins[2].label == "16–19 tokens: 1,000 rows"
