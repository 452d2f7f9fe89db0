"""Metric series and checkpoints in the database."""

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.sqlite import insert

from app.domain.jobs import JobStatus
from app.domain.metrics import Checkpoint, Metric, MetricSeries
from app.store import schema
from app.store.database import Reader, Writer

_M, _S, _C = schema.metrics, schema.series, schema.checkpoints


def add(tx: Writer, job: str, points: Sequence[Metric]) -> None:
    """Write points; a step that came before (after a resumption) is overwritten: the last word counts."""
    if not points:
        return
    numbers = _series_numbers(tx, job, {point.name for point in points})
    rows = [
        {
            "series": numbers[point.name],
            "step": point.step,
            "value": point.value if math.isfinite(point.value) else None,
        }
        for point in points
    ]
    statement = insert(_M)
    upsert = statement.on_conflict_do_update(
        index_elements=["series", "step"], set_={"value": statement.excluded.value}
    )
    tx.execute(upsert, rows)


def _series_numbers(tx: Writer, job: str, names: set[str]) -> dict[str, int]:
    known = {row.name: row.id for row in tx.execute(select(_S).where(_S.c.job == job))}
    for name in sorted(names - known.keys()):
        known[name] = tx.execute(insert(_S).values(job=job, name=name).returning(_S.c.id)).scalar_one()
    return known


def read(tx: Reader, job: str, *, names: Sequence[str] = (), since: int | None = None) -> list[MetricSeries]:
    """Return a job's series as columns, steps rising; `since` leaves out steps up to it."""
    query = select(_S.c.name, _M.c.step, _M.c.value).join(_M, _M.c.series == _S.c.id).where(_S.c.job == job)
    if names:
        query = query.where(_S.c.name.in_(names))
    if since is not None:
        query = query.where(_M.c.step > since)
    columns: dict[str, tuple[list[int], list[float | None]]] = defaultdict(lambda: ([], []))
    for name, step, value in tx.execute(query.order_by(_S.c.name, _M.c.series, _M.c.step)):
        columns[name][0].append(step)
        columns[name][1].append(value)
    return [MetricSeries(name=name, steps=steps, values=values) for name, (steps, values) in columns.items()]


def last_values(tx: Reader, job: str) -> dict[str, tuple[int, float | None]]:
    """Return each series' newest point as (step, value)."""
    newest = select(_M.c.series, func.max(_M.c.step).label("step")).group_by(_M.c.series).subquery()
    query = (
        select(_S.c.name, _M.c.step, _M.c.value)
        .join(_M, _M.c.series == _S.c.id)
        .join(newest, (newest.c.series == _M.c.series) & (newest.c.step == _M.c.step))
        .where(_S.c.job == job)
    )
    return {name: (step, value) for name, step, value in tx.execute(query)}


def save_checkpoints(tx: Writer, job: str, told: Sequence[Checkpoint]) -> None:
    """Write checkpoints; one that is known is brought up to date, and at most one is the best."""
    for checkpoint in told:
        values = {
            "remote_id": checkpoint.remote_id,
            "epoch": checkpoint.epoch,
            "train_loss": checkpoint.train_loss,
            "validation_loss": checkpoint.validation_loss,
            "best": int(checkpoint.best),
            "present": int(checkpoint.present),
        }
        statement = insert(_C).values(job=job, step=checkpoint.step, **values)
        tx.execute(statement.on_conflict_do_update(index_elements=["job", "step"], set_=values))
    best = [checkpoint.step for checkpoint in told if checkpoint.best]
    if best:
        tx.execute(_C.update().where(_C.c.job == job, _C.c.step != best[-1]).values(best=0))


def checkpoints(tx: Reader, job: str) -> list[Checkpoint]:
    """Return a job's checkpoints, steps rising."""
    return [_checkpoint(row) for row in tx.execute(select(_C).where(_C.c.job == job).order_by(_C.c.step))]


def jobs_with_checkpoints(tx: Reader, *, ended_before: datetime, limit: int) -> list[str]:
    """Return the jobs that succeeded before a moment and still have checkpoints."""
    jobs = schema.jobs
    query = (
        select(_C.c.job)
        .distinct()
        .join(jobs, jobs.c.id == _C.c.job)
        .where(_C.c.present == 1, jobs.c.status == JobStatus.SUCCEEDED.value, jobs.c.ended_at < ended_before)
    )
    return list(tx.scalars(query.order_by(_C.c.job).limit(limit)))


def forget_checkpoints(tx: Writer, job: str) -> int:
    """Note that a job's checkpoints are gone; return how many there were."""
    there = (_C.c.job == job, _C.c.present == 1)
    count = tx.scalar(select(func.count()).select_from(_C).where(*there)) or 0
    if count:
        tx.execute(_C.update().where(*there).values(present=0))
    return count


def _checkpoint(row: Row[Any]) -> Checkpoint:
    return Checkpoint(
        step=row.step,
        remote_id=row.remote_id,
        epoch=row.epoch,
        train_loss=row.train_loss,
        validation_loss=row.validation_loss,
        best=bool(row.best),
        present=bool(row.present),
    )
