"""Thin a metric series for a chart: fewer points, every peak kept."""

from typing import TYPE_CHECKING

from app.domain.metrics import MetricSeries
from app.store.metric_columns import Columns
from app.store.metrics import finite

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_ENDS = 2  # the first point and the last one, beside the buckets'


def downsample(series: Columns, points: int) -> MetricSeries:
    """Return at most `points` points: the lowest and the highest of each of equal buckets, in order, and both ends.

    Charts drawn from these are the same to the pixel while there are at least two points a pixel column.
    """
    kept = _kept(series.values, points)
    steps, values = (series.steps, series.values) if kept is None else (series.steps[kept], series.values[kept])
    return MetricSeries(name=series.name, steps=steps.tolist(), values=finite(values))


def _kept(values: "npt.NDArray[np.float64]", points: int) -> "npt.NDArray[np.int64] | None":
    """Return which places are kept, rising; None for all."""
    import numpy as np

    count = len(values)
    if count <= points:
        return None
    buckets = max(1, (points - _ENDS) // 2)
    size = -(-count // buckets)
    padded = np.full(buckets * size, np.nan)
    padded[:count] = values
    rows = padded.reshape(buckets, size)
    missing = np.isnan(rows)
    lowest = np.where(missing, np.inf, rows).argmin(axis=1)
    highest = np.where(missing, -np.inf, rows).argmax(axis=1)
    starts = np.arange(buckets) * size
    # A bucket without a finite value keeps its first point, so that the gap is seen.
    chosen = np.concatenate([starts + lowest, starts + highest, [0, count - 1]])
    return np.unique(chosen[chosen < count])[-points:] if points < _ENDS + 2 else np.unique(chosen[chosen < count])
