"""Checkpoints in the database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, true

from app.domain.jobs import JobStatus
from app.domain.metrics import Checkpoint
from app.store import schema
from app.store.database import Reader, Writer
from app.store.mapping import Mapper

_T = schema.checkpoints
_M = Mapper(Checkpoint, _T)


def save(tx: Writer, job: str, reported: Sequence[Checkpoint]) -> None:
    """Write checkpoints; one that is known is brought up to date, and at most one is the best."""
    for checkpoint in reported:
        _M.put(tx, checkpoint, job=job)
    best = [checkpoint.step for checkpoint in reported if checkpoint.best]
    if best:
        tx.execute(_T.update().where(_T.c.job == job, _T.c.step != best[-1]).values(best=0))


def of_job(tx: Reader, job: str) -> list[Checkpoint]:
    """Return a job's checkpoints, steps rising."""
    return _M.all(tx, _M.query.where(_T.c.job == job).order_by(_T.c.step))


def jobs_with_some(
    tx: Reader, *, ended_before: datetime, connections: Sequence[str], job: str | None, limit: int
) -> list[str]:
    """Return the jobs (of these connections, or only `job`) that succeeded before a moment and have checkpoints."""
    jobs = schema.jobs
    query = (
        select(_T.c.job)
        .distinct()
        .join(jobs, jobs.c.id == _T.c.job)
        .where(_T.c.present == 1, jobs.c.status == JobStatus.SUCCEEDED.value, jobs.c.ended_at < ended_before)
        .where(jobs.c.connection.in_(connections), true() if job is None else jobs.c.id == job)
    )
    return list(tx.scalars(query.order_by(_T.c.job).limit(limit)))


def forget(tx: Writer, job: str) -> int:
    """Note that a job's checkpoints are gone; return how many there were."""
    there = (_T.c.job == job, _T.c.present == 1)
    count = tx.scalar(select(func.count()).select_from(_T).where(*there)) or 0
    if count:
        tx.execute(_T.update().where(*there).values(present=0))
    return count
