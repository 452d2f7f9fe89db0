"""Metric series in the database: the newest points as rows, older ones packed into chunks.

Rows take points one by one and may be overwritten; once a series has `CHUNK` rows, they are packed. A step that comes
again behind that (after a resumption) unpacks what it touches. Each series carries its last point and a small curve,
so that lists need not read points at all.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import CompoundSelect, bindparam, delete, insert, null, select, union_all

from app.domain.metrics import TRAIN_LOSS, Metric, MetricSeries
from app.store import schema
from app.store.database import Reader, Writer
from app.store.metric_columns import (
    CHUNK,
    Columns,
    curve,
    curve_values,
    from_bytes,
    sorted_columns,
    to_bytes,
)

if TYPE_CHECKING:
    from app.store.metric_columns import Steps, Values

_M, _S, _K = schema.metrics, schema.series, schema.metric_chunks
# The driver's own way: SQLAlchemy's costs more than SQLite itself here.
_UPSERT = (
    "INSERT INTO metrics (series, step, value) VALUES (?, ?, ?) "
    "ON CONFLICT (series, step) DO UPDATE SET value = excluded.value"
)
_UPDATE = "UPDATE series SET tail = ?, packed_through = ?, last_step = ?, last_value = ?, curve = ? WHERE id = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """A series' row: how many points are not packed yet (at most), the last packed step, the last point, the curve."""

    id: int
    tail: int = 0
    packed_through: int | None = None
    last_step: int | None = None
    last_value: float | None = None
    curve: bytes | None = None


def add(tx: Writer, job: str, points: Sequence[Metric]) -> None:
    """Write points; a step that came before (after a resumption) is overwritten: the last word counts."""
    by_name: dict[str, dict[int, float]] = defaultdict(dict)
    for point in points:
        by_name[point.name][point.step] = point.value
    known = _known(tx, job)
    rows: list[tuple[int, int, float | None]] = []
    changed: list[tuple[int | float | bytes | None, ...]] = []
    for name, values in by_name.items():
        before = known.get(name) or _Series(id=_new_series(tx, job, name))
        series = _with_news(name, _unpacked(tx, before, min(values)), values)
        if series.tail >= CHUNK:
            series = _packed(tx, series, values)
        else:
            rows += [(series.id, step, value if math.isfinite(value) else None) for step, value in values.items()]
        changed.append(
            (series.tail, series.packed_through, series.last_step, series.last_value, series.curve, series.id)
        )
    if changed:
        tx.exec_driver_sql(_UPDATE, changed)
    if rows:
        tx.exec_driver_sql(_UPSERT, rows)


def _known(tx: Reader, job: str) -> dict[str, _Series]:
    return {
        row.name: _Series(
            id=row.id,
            tail=row.tail,
            packed_through=row.packed_through,
            last_step=row.last_step,
            last_value=row.last_value,
            curve=row.curve,
        )
        for row in tx.execute(select(_S).where(_S.c.job == job))
    }


def _new_series(tx: Writer, job: str, name: str) -> int:
    return int(tx.execute(insert(_S).values(job=job, name=name, tail=0).returning(_S.c.id)).scalar_one())


def _with_news(name: str, series: _Series, values: Mapping[int, float]) -> _Series:
    last = max(values)
    newer = series.last_step is None or last >= series.last_step
    return replace(
        series,
        tail=series.tail + len(values),
        last_step=last if newer else series.last_step,
        last_value=(values[last] if math.isfinite(values[last]) else None) if newer else series.last_value,
        curve=curve(series.curve, values) if name == TRAIN_LOSS else series.curve,
    )


def _unpacked(tx: Writer, series: _Series, step: int) -> _Series:
    """Turn the chunks that hold `step` or a later one back into rows, so that these may be overwritten."""
    if series.packed_through is None or step > series.packed_through:
        return series
    touched = (_K.c.series == series.id, _K.c.last >= step)
    count = 0
    for row in tx.execute(select(_K).where(*touched)).all():
        steps, values = from_bytes(row.steps, row.numbers)
        tx.exec_driver_sql(_UPSERT, _rows(series.id, steps, values))
        count += len(steps)
    tx.execute(delete(_K).where(*touched))
    through = tx.scalar(select(_K.c.last).where(_K.c.series == series.id).order_by(_K.c.first.desc()).limit(1))
    return replace(series, tail=series.tail + count, packed_through=through)


def _packed(tx: Writer, series: _Series, values: Mapping[int, float]) -> _Series:
    """Pack the rows and the new values; what does not fill a chunk stays as rows."""
    rows = tx.execute(select(_M.c.step, _M.c.value).where(_M.c.series == series.id)).all()
    points: dict[int, float | None] = {row.step: row.value for row in rows}
    points |= {step: value if math.isfinite(value) else None for step, value in values.items()}
    steps, numbers = sorted_columns(points)
    full = len(steps) - len(steps) % CHUNK
    for start in range(0, full, CHUNK):
        part = slice(start, start + CHUNK)
        bytes_of_steps, bytes_of_values = to_bytes(steps[part], numbers[part])
        chunk = {"first": int(steps[part][0]), "last": int(steps[part][-1])}
        tx.execute(insert(_K).values(series=series.id, **chunk, steps=bytes_of_steps, numbers=bytes_of_values))
    if full:
        tx.execute(delete(_M).where(_M.c.series == series.id))
    left = _rows(series.id, steps[full:], numbers[full:])
    if left:
        tx.exec_driver_sql(_UPSERT, left)
    return replace(series, tail=len(left), packed_through=int(steps[full - 1]) if full else series.packed_through)


def _rows(series: int, steps: "Steps", values: "Values") -> list[tuple[int, int, float | None]]:
    pairs = zip(steps.tolist(), values.tolist(), strict=True)
    return [(series, step, None if math.isnan(value) else value) for step, value in pairs]


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a series without its points."""

    id: int
    name: str
    packed_through: int | None
    last_step: int
    last_value: float | None


def heads(tx: Reader, job: str) -> list[Head]:
    """Return what is known of a job's series that have points, by name."""
    wanted = (_S.c.id, _S.c.name, _S.c.packed_through, _S.c.last_step, _S.c.last_value)
    query = select(*wanted).where(_S.c.job == job, _S.c.last_step.is_not(None)).order_by(_S.c.name)
    return [Head(*row) for row in tx.execute(query)]


def columns(
    tx: Reader, job: str, *, names: Sequence[str] = (), since: int | None = None, known: Sequence[Head] | None = None
) -> list[Columns]:
    """Return a job's series as columns; `since` leaves out steps up to it, and series without a later one.

    `known`: the heads, where they are at hand.
    """
    wanted = set(names)
    found = [
        row
        for row in (heads(tx, job) if known is None else known)
        if (not wanted or row.name in wanted) and (since is None or row.last_step > since)
    ]
    if not found:
        return []
    after = -(2**63) if since is None else since
    rows = _tail(tx, [row.id for row in found], after)
    packed = [row.id for row in found if row.packed_through is not None and row.packed_through > after]
    chunks = _chunks(tx, packed, after) if packed else {}
    return [_joined(row.name, [*chunks.get(row.id, ()), rows[row.id]]) for row in found]


def whole(tx: Reader, job: str, *, names: Sequence[str] = ()) -> tuple[list[Head], list[Columns]]:
    """Return what is known of all of a job's series, and those of `names` whole, in one statement."""
    heads, chunks = [], defaultdict(list)
    tails: dict[int, tuple[list[int], list[float | None]]] = defaultdict(lambda: ([], []))
    for series, step, value, name, packed, steps, numbers in tx.execute(_whole(tuple(names)), {"job": job}):
        if name is not None:
            heads.append(Head(series, name, packed, step, value))
        elif steps is not None:
            chunks[series].append(from_bytes(steps, numbers))
        else:
            tails[series][0].append(step)
            tails[series][1].append(value)
    heads.sort(key=lambda head: head.name)
    wanted = [head for head in heads if not names or head.name in names]
    return heads, [_joined(head.name, [*_in_order(chunks[head.id]), _sorted(*tails[head.id])]) for head in wanted]


@lru_cache(maxsize=16)
def _whole(names: tuple[str, ...]) -> CompoundSelect[Any]:
    known = (_S.c.job == bindparam("job"), _S.c.last_step.is_not(None))
    ids = select(_S.c.id).where(*known, *([_S.c.name.in_(names)] if names else []))
    return union_all(
        select(_S.c.id, _S.c.last_step, _S.c.last_value, _S.c.name, _S.c.packed_through, null(), null()).where(*known),
        select(_M.c.series, _M.c.step, _M.c.value, null(), null(), null(), null()).where(_M.c.series.in_(ids)),
        select(_K.c.series, _K.c.first, null(), null(), null(), _K.c.steps, _K.c.numbers).where(_K.c.series.in_(ids)),
    )


def _in_order(chunks: "list[tuple[Steps, Values]]") -> "list[tuple[Steps, Values]]":
    return sorted(chunks, key=lambda chunk: int(chunk[0][0]))


def _sorted(steps: Sequence[int], values: Sequence[float | None]) -> "tuple[Steps, Values]":
    import numpy as np

    all_steps, all_values = np.array(steps, np.int64), np.array(values, np.float64)  # None becomes NaN
    if len(all_steps) > 1 and (all_steps[1:] < all_steps[:-1]).any():
        order = np.argsort(all_steps)
        return all_steps[order], all_values[order]
    return all_steps, all_values


def _joined(name: str, pieces: "Sequence[tuple[Steps, Values]]") -> Columns:
    import numpy as np

    steps = np.concatenate([piece[0] for piece in pieces]) if len(pieces) > 1 else pieces[0][0]
    values = np.concatenate([piece[1] for piece in pieces]) if len(pieces) > 1 else pieces[0][1]
    return Columns(name, steps, values)


def _tail(tx: Reader, ids: Sequence[int], after: int) -> "dict[int, tuple[Steps, Values]]":
    import numpy as np

    query = select(_M.c.series, _M.c.step, _M.c.value).where(_M.c.series.in_(ids), _M.c.step > after)
    rows = tx.execute(query.order_by(_M.c.series, _M.c.step)).all()
    series, steps, values = zip(*rows, strict=True) if rows else ((), (), ())
    numbers, all_steps = np.array(series, np.int64), np.array(steps, np.int64)
    all_values = np.array(values, np.float64)  # None becomes NaN
    bounds = {each: np.searchsorted(numbers, [each, each + 1]) for each in ids}
    return {each: (all_steps[begin:end], all_values[begin:end]) for each, (begin, end) in bounds.items()}


def _chunks(tx: Reader, ids: Sequence[int], after: int) -> "dict[int, list[tuple[Steps, Values]]]":
    import numpy as np

    query = select(_K.c.series, _K.c.steps, _K.c.numbers).where(_K.c.series.in_(ids), _K.c.last > after)
    by_series: dict[int, list[tuple[Steps, Values]]] = defaultdict(list)
    for row in tx.execute(query.order_by(_K.c.series, _K.c.first)):
        by_series[row.series].append(from_bytes(row.steps, row.numbers))
    for pieces in by_series.values():
        begin = int(np.searchsorted(pieces[0][0], after, side="right"))
        pieces[0] = (pieces[0][0][begin:], pieces[0][1][begin:])
    return by_series


def read(tx: Reader, job: str, *, names: Sequence[str] = (), since: int | None = None) -> list[MetricSeries]:
    """Return a job's series whole, steps rising; `since` leaves out steps up to it."""
    return [
        MetricSeries(name=each.name, steps=each.steps.tolist(), values=finite(each.values))
        for each in columns(tx, job, names=names, since=since)
    ]


def finite(values: "Values") -> list[float | None]:
    """Return values as the domain has them: None where one was not finite."""
    return [None if math.isnan(value) else value for value in values.tolist()]


@dataclass(frozen=True, slots=True)
class Summary:
    """A series for a row of a list: its last value, and a small curve where it has one."""

    last: float | None
    curve: Sequence[float]


def summaries(tx: Reader, jobs: Sequence[str], names: Sequence[str]) -> dict[tuple[str, str], Summary]:
    """Return series of several jobs by (job, name), without reading their points."""
    query = select(_S.c.job, _S.c.name, _S.c.last_value, _S.c.curve).where(_S.c.job.in_(jobs), _S.c.name.in_(names))
    return {(row.job, row.name): Summary(row.last_value, curve_values(row.curve)) for row in tx.execute(query)}
