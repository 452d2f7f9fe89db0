"""Charts as SVG geometry: drawn by the server for the first paint, for print and for browsers without scripts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis (SVG user units) and what stands beside it."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name, its number (1-3, the colour) and its points as an SVG `points` attribute."""

    name: str
    number: int
    points: str
    last: float | None


@dataclass(frozen=True, slots=True)
class Plot:
    """A whole chart in a box of `width` by `height` user units."""

    width: int
    height: int
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """What is plotted: a name and its measured values by step, non-finite ones left out by the caller."""

    name: str
    steps: Sequence[int]
    values: Sequence[float]


def sparkline(values: Sequence[float], width: int = 96, height: int = 24) -> str:
    """The `points` attribute of a small line that fills a box of `width` by `height`, highest value on top."""
    finite = values if math.isfinite(sum(values)) else [value for value in values if math.isfinite(value)]
    if len(finite) < 2:  # noqa: PLR2004 - a line needs two points
        return ""
    low, high = min(finite), max(finite)
    span = high - low or 1.0
    pad = 2
    scale = (height - 2 * pad) / span
    lowest = pad + scale * high
    return _across(len(finite), width) % tuple([lowest - scale * value for value in finite])


@cache
def _across(count: int, width: int) -> str:
    """Return a line's points with their places across, and room for those down: a list of jobs has fifty of them."""
    return " ".join([f"{width * index / (count - 1):.1f},%.1f" for index in range(count)])


def plot(series: Sequence[Series], width: int = 800, height: int = 240) -> Plot:
    """Lines and ticks of the given series on linear axes, the value axis starting at zero or at the lowest value."""
    left, bottom, top, right = 44, 22, 8, 8
    steps = [step for one in series for step in one.steps]
    values = [value for one in series for value in one.values]
    x_high = max(steps, default=1) or 1
    x_low = min([0, *steps])
    y_high = max(values, default=1.0)
    y_low = min([0.0, *values])
    if y_high <= y_low:
        y_high = y_low + 1

    def x(step: float) -> float:
        return left + (width - left - right) * (step - x_low) / ((x_high - x_low) or 1)

    def y(value: float) -> float:
        return top + (height - top - bottom) * (1 - (value - y_low) / (y_high - y_low))

    lines = tuple(
        Line(
            name=one.name,
            number=number,
            points=" ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in zip(one.steps, one.values, strict=True)),
            last=one.values[-1] if one.values else None,
        )
        for number, one in enumerate(series, start=1)
    )
    return Plot(
        width=width,
        height=height,
        lines=lines,
        x_ticks=tuple(Tick(round(x(at), 1), f"{at:,.0f}") for at in nice_ticks(x_low, x_high, 6) if at.is_integer()),
        y_ticks=tuple(Tick(round(y(at), 1), f"{at:g}") for at in nice_ticks(y_low, y_high, 4)),
    )


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """At most about `count` round numbers (1, 2, 5 times a power of ten) between `low` and `high`."""
    raw = (high - low) / count
    if raw <= 0:  # also where the difference is so small that a part of it is none
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]
