import pytest

from app.domain.comparison import Comparison, figure
from app.web.views.comparing import figures


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ((0.3323, 0.3411), [0]),
        ((0.33231, 0.33234), []),
        ((0.33231, 0.33234, 0.4), [0, 1]),
        ((0.33231, 0.33234, None), []),
        ((0.3411, None, 0.3323), [2]),
    ],
)
def test_what_reads_the_same_is_equally_good(values: tuple[float | None, ...], best: list[int]) -> None:
    line_of = figure("validation_loss", values, lower_is_better=True)
    found = Comparison(jobs=(), evaluations=(), settings=(), figures=(line_of,), series=frozenset())
    (line,) = figures(found)
    assert list(line.best) == best
