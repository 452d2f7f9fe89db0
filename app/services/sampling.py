"""Thin a metric series for a chart: fewer points, every peak kept."""

from itertools import pairwise

import numpy as np

from app.domain.metrics import MetricSeries


def thin(series: MetricSeries, points: int) -> MetricSeries:
    """Return at most `points` points: the lowest and the highest of each of `points / 2` equal buckets, in order.

    Charts drawn from these are the same to the pixel while there are at least two points a pixel column.
    """
    count = len(series.steps)
    if count <= points:
        return series
    values = np.array([np.nan if value is None else value for value in series.values], dtype=float)
    edges = np.linspace(0, count, max(1, points // 2) + 1).astype(int)
    kept: set[int] = {0, count - 1} if points >= 4 else set()  # noqa: PLR2004 -- both ends need room beside a bucket
    for start, end in pairwise(edges):
        bucket = values[start:end]
        if bucket.size == 0:
            continue
        if np.isnan(bucket).all():
            kept.add(int(start))
            continue
        kept.add(int(start + np.nanargmin(bucket)))
        kept.add(int(start + np.nanargmax(bucket)))
    order = sorted(kept)[:points] if len(kept) <= points else [*sorted(kept)[: points - 1], count - 1]
    return MetricSeries(
        name=series.name, steps=[series.steps[i] for i in order], values=[series.values[i] for i in order]
    )
