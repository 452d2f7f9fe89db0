"""Intervals against figures of the literature and of plain formulas; what pairs of answers prove."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import intervals
from app.domain.intervals import Interval
from app.domain.paired import Paired, PairedMean, PairedShare, Verdict

counts = st.integers(0, 60)


def test_wilsons_interval_is_that_of_newcombe() -> None:
    # Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for hits, rows, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        found = intervals.of_share(hits, rows)
        assert found is not None
        assert [found.low, found.high] == pytest.approx([low, high], abs=5e-5)
    assert intervals.of_share(0, 0) is None


@given(counts, counts)
def test_a_share_lies_in_its_interval_and_mirrors(hits: int, misses: int) -> None:
    if not hits + misses:
        return
    found, other = intervals.of_share(hits, hits + misses), intervals.of_share(misses, hits + misses)
    assert found is not None
    assert other is not None
    assert 0 <= found.low <= hits / (hits + misses) <= found.high <= 1
    assert [found.low, found.high] == pytest.approx([1 - other.high, 1 - other.low])


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=40))
def test_a_mean_has_its_standard_error_to_both_sides(values: list[float]) -> None:
    found, error = intervals.of_mean(values), statistics.stdev(values) / math.sqrt(len(values))
    assert found is not None
    assert found.high - found.low == pytest.approx(2 * 1.959964 * error, rel=1e-4, abs=1e-4)
    assert (found.high + found.low) / 2 == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert intervals.of_mean(values[:1]) is None


def test_mcnemar_is_exact_for_few_and_near_it_for_many() -> None:
    assert intervals.sign_test(5, 0) == 2 / 32
    assert intervals.sign_test(0, 6) == 2 / 64
    assert intervals.sign_test(3, 3) == 1
    assert intervals.sign_test(460, 540) == pytest.approx(intervals.sign_test(461, 541), rel=0.05)


@given(counts, counts, counts, counts)
def test_what_is_proved_one_way_is_disproved_the_other(both: int, tuned: int, base: int, neither: int) -> None:
    rows = both + tuned + base + neither
    found = PairedShare(rows=rows, both=both, only_tuned=tuned, only_base=base).verdict
    mirrored = PairedShare(rows=rows, both=both, only_tuned=base, only_base=tuned).verdict
    swapped = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
    assert mirrored == (swapped.get(found, found) if found else None)
    if not both + tuned + base:
        assert found in {None, Verdict.NEITHER}
    if found is Verdict.AS_GOOD:
        assert abs(tuned - base) <= 0.05 * (rows + 2)


def test_as_good_wants_many_rows() -> None:
    assert PairedShare(rows=12, both=12, only_tuned=0, only_base=0).verdict is Verdict.UNCLEAR
    assert PairedShare(rows=48, both=40, only_tuned=0, only_base=0).verdict is Verdict.AS_GOOD
    assert PairedShare(rows=4000, both=0, only_tuned=0, only_base=0).verdict is Verdict.NEITHER


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.5, -0.1, "better"), (0.1, 0.5, "worse"), (-0.1, 0.1, "unclear"), (-0.01, 0.01, "as_good")],
)
def test_less_loss_is_better_and_more_margin_is(low: float, high: float, verdict: str) -> None:
    found = PairedMean(base=2.0, difference=Interval(low=low, high=high))
    assert found.verdict(lower_is_better=True) == verdict
    swapped = {"better": "worse", "worse": "better"}
    assert found.verdict(lower_is_better=False) == swapped.get(verdict, verdict)


def test_each_figure_is_proved_by_what_it_counts() -> None:
    correct = PairedShare(rows=9, both=0, only_tuned=9, only_base=0)
    loss = PairedMean(base=1.0, difference=Interval(low=0.5, high=1.0))
    found = Paired(correct=correct, loss=loss)
    assert (found.verdict("accuracy"), found.verdict("loss")) == (Verdict.BETTER, Verdict.WORSE)
    assert [found.verdict(name) for name in ("preferred", "margin", "macro_f1", "token_accuracy")] == [None] * 4
