import math

from hypothesis import example, given
from hypothesis import strategies as st

from app.web.views import charts

numbers = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


def pairs(points: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in points.split())]


@given(st.lists(numbers, max_size=40))
def test_a_sparkline_stays_in_its_box(values: list[float]) -> None:
    points = pairs(charts.sparkline(values))
    assert len(points) == (len(values) if len(values) > 1 else 0)
    assert all(0 <= x <= 96 and 0 <= y <= 24 for x, y in points)


def test_a_sparkline_leaves_out_what_is_not_finite() -> None:
    assert len(pairs(charts.sparkline([1.0, math.nan, 0.5, math.inf]))) == 2


@given(st.lists(st.tuples(st.integers(0, 100_000), numbers), max_size=40))
@example([(0, 5e-324)])  # no float is a quarter of it
def test_a_plot_stays_in_its_box(points: list[tuple[int, float]]) -> None:
    plot = charts.plot([charts.Series("loss", [s for s, _ in points], [v for _, v in points])])
    assert all(0 <= x <= plot.width and 0 <= y <= plot.height for x, y in pairs(plot.lines[0].points))
    assert all(0 <= tick.at <= plot.width for tick in plot.x_ticks)
    assert all(0 <= tick.at <= plot.height for tick in plot.y_ticks)


def test_ticks_are_round() -> None:
    assert charts.nice_ticks(0, 2.4, 4) == [0, 1, 2]
    assert charts.nice_ticks(0, 240, 6) == [0, 50, 100, 150, 200]
    assert charts.nice_ticks(3, 3, 4) == [3]
