"""Lists of jobs in the database: the columns that a row shows, and counts that cost the same at any number of jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import NamedTuple

from sqlalchemy import ColumnElement, Executable, bindparam, func, literal, select, union_all

from app.domain.hyperparameters import Hyperparameter
from app.domain.job_summaries import SHOWN_SETTINGS, JobSummary
from app.domain.jobs import OPEN, JobGoal, JobProgress, JobStatus, share_done
from app.domain.metrics import TRAIN_LOSS, VALIDATION_LOSS
from app.kit.paging import Page
from app.store import codec, columns, schema
from app.store.database import Reader
from app.store.job_filter import CONNECTION, PROJECT, Filter, Shape, asking
from app.store.jobs import filtered_page
from app.store.metric_columns import curve_values
from app.store.sight import itself

_T, _C = schema.jobs, schema.job_counts.c
_TRAINING, _VALIDATION = itself(schema.series, "training"), itself(schema.series, "validation")


class _Row(NamedTuple):
    """What is asked of a job, as its columns give it, and of its two series."""

    id: str
    name: str
    base_model: str
    connection: str
    status: str
    goal: str
    created_at: datetime
    ended_at: datetime | None
    progress: str
    spec: str
    observed_at: datetime | None
    failing_since: datetime | None
    due_at: float | None
    train_loss: float | None
    curve: bytes | None
    validation_loss: float | None


_SERIES = {
    "train_loss": _TRAINING.c.last_value,
    "curve": _TRAINING.c.curve,
    "validation_loss": _VALIDATION.c.last_value,
}
_ROWS = (
    select(*(_SERIES[name].label(name) if name in _SERIES else _T.c[name] for name in _Row._fields))
    .outerjoin(_TRAINING, (_TRAINING.c.job == _T.c.id) & (_TRAINING.c.name == TRAIN_LOSS))
    .outerjoin(_VALIDATION, (_VALIDATION.c.job == _T.c.id) & (_VALIDATION.c.name == VALIDATION_LOSS))
)
MOST_COUNTED = 1000  # of each final status; an open one is counted whole, for only the work under way is open


@dataclass(frozen=True, slots=True)
class _Asked:
    """The part of a spec that a row shows."""

    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)


def page(tx: Reader, wanted: Filter, *, sort: str, limit: int, cursor: str | None) -> Page[JobSummary]:
    """Return one page of the jobs that fit, as rows of a list."""
    return filtered_page(tx, _ROWS, wanted, lambda row: _made(_Row._make(row)), sort=sort, limit=limit, cursor=cursor)


@lru_cache(maxsize=500)  # a list is asked for again and again, and few of its rows have changed
def _made(row: _Row) -> JobSummary:
    return JobSummary(
        id=row.id,
        name=row.name,
        base_model=row.base_model,
        connection=row.connection,
        status=JobStatus(row.status),
        created_at=row.created_at,
        ended_at=row.ended_at,
        observed_at=row.observed_at,
        failing_since=row.failing_since,
        next_look_at=columns.from_seconds(row.due_at),
        share=share_done(JobStatus(row.status), JobGoal(row.goal), codec.load(JobProgress, row.progress)),
        settings=_settings(row.spec),
        train_loss=row.train_loss,
        validation_loss=row.validation_loss,
        curve=tuple(curve_values(row.curve)),
    )


@lru_cache(maxsize=100)  # a job's spec never changes: it is asked for again as long as the rest of its row does
def _settings(spec: str) -> tuple[tuple[str, Hyperparameter], ...]:
    asked = codec.load(_Asked, spec).hyperparameters
    return tuple((name, asked[name]) for name in SHOWN_SETTINGS if name in asked)


def _counting(*conditions: ColumnElement[bool]) -> Executable:
    parts = []
    for status in JobStatus:
        one = select(literal(1)).where(_T.c.status == status.value, *conditions)
        some = one.subquery() if status in OPEN else one.limit(MOST_COUNTED + 1).subquery()
        parts.append(select(literal(status.value), func.count()).select_from(some))
    return union_all(*parts)


@cache
def _counting_by(shape: Shape) -> Executable:
    """Return the same for what is usually asked, made once: to put it together costs more than to ask it."""
    return _counting(*asking(shape))


@cache
def _kept(shape: Shape) -> Executable:
    """Return what the database has counted already: no text is looked for."""
    here = (_C.project == bindparam(PROJECT), _C.connection == bindparam(CONNECTION))
    wanted = [condition for condition, asked in zip(here, shape, strict=False) if asked]
    return select(_C.status, func.sum(_C.jobs)).where(*wanted).group_by(_C.status)


def counts(tx: Reader, wanted: Filter) -> dict[JobStatus, int]:
    """Return how many of the jobs that fit are in each status, those asked for or not.

    Where a text or metadata are looked for, at most `MOST_COUNTED` + 1 of a final one, which means more.
    """
    if wanted.metadata is not None:
        query = _counting(*wanted.conditions())
    else:
        query = _counting_by(wanted.shape) if wanted.query else _kept(wanted.shape)
    return {JobStatus(status): count for status, count in tx.execute(query, dict(wanted.values)) if count}
