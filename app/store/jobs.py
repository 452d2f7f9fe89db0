"""Fine-tuning jobs in the database."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Select, bindparam, case, func, select, union, union_all, update

from app.domain.actors import OWNER
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import ACTIVE, FineTuningJob, JobGoal, JobStatus
from app.kit.paging import Page
from app.store import codec, columns, job_filter, prices, rows, schema
from app.store.database import Reader, Writer
from app.store.job_filter import Filter
from app.store.mapping import LEASED, Mapper
from app.store.sight import EVERYTHING

T = TypeVar("T")
_T = schema.jobs
SORTS = {"-created_at": ("created_at", True), "created_at": ("created_at", False)}


def _maker(by: str) -> str:
    return "" if by == OWNER.id else by


_COPIED = ("project", "connection", "name", "base_model", "training_dataset")
MAPPER = Mapper(
    FineTuningJob,
    _T,
    copies={column: f"spec.{column}" for column in _COPIED},
    made={"bill": (("bill",), prices.bill), "created_by": (("created_by",), _maker), **LEASED},  # they never change
)
get, many, values = MAPPER.get, MAPPER.many, MAPPER.values
_M = schema.job_metadata


def add(tx: Writer, job: FineTuningJob, *, due_at: float) -> None:
    """Insert a job that the engine looks at from `due_at` (seconds since 1970) on, at the end of its line."""
    rank = columns.to_microseconds(job.created_at)
    MAPPER.add(tx, job, due_at=due_at, queue_rank=rank, bill=codec.dump(job.bill))
    for key, value in job.spec.metadata.items():
        rows.add(tx, _M, {"job": job.id, "key": key, "value": value})


def set_goal(tx: Writer, identifier: str, goal: JobGoal, *, at: datetime, due_at: float) -> None:
    """Write what people want, and that they said so at a moment; the engine does the rest."""
    MAPPER.set_goal(tx, identifier, goal, due_at=due_at, goal_at=at)


def resolve(tx: Writer, job: FineTuningJob, *, due_at: float | None) -> None:
    """Write a person's answer to an unknown submit over the row; a lease that is under way loses."""
    MAPPER.save(tx, job, due_at=due_at, lease_until=None, gen=_T.c.gen + 1)


def is_taken(tx: Reader, connection: str, remote_id: str) -> bool:
    """Tell whether that id is another job's already, hidden ones too."""
    same = select(_T.c.id).where(_T.c.connection == connection, _T.c.remote_id == remote_id).limit(1)
    return tx.scalar(same, execution_options=EVERYTHING) is not None


def is_hidden(tx: Reader, connection: str, remote_id: str) -> bool:
    """Tell whether that id is a job's that the reader does not see."""
    return is_taken(tx, connection, remote_id) and by_remote_id(tx, connection, remote_id) is None


def has_name(tx: Reader, name: str) -> bool:
    """Return whether a job's model has, or is to have, this name."""
    return tx.scalar(select(_T.c.id).where(_T.c.name == name).limit(1)) is not None


def by_remote_id(tx: Reader, connection: str, remote_id: str) -> FineTuningJob | None:
    """Return the job that a connection's provider knows under an id."""
    return MAPPER.first(tx, MAPPER.query.where(_T.c.connection == connection, _T.c.remote_id == remote_id))


def by_tail(tx: Reader, tail: str, base_model: str) -> FineTuningJob | None:
    """Return the job on a base model whose id ends so."""
    ends = _T.c.id.endswith(tail, autoescape=True)
    return MAPPER.first(tx, MAPPER.query.where(ends, _T.c.base_model == base_model))


def cursor_at(tx: Reader, identifier: str) -> str | None:
    """Return the cursor of the page that begins behind a job, in the order of their making; None where it is none."""
    return rows.cursor_at(tx, _T, identifier)


def page(tx: Reader, wanted: Filter, *, sort: str, limit: int, cursor: str | None) -> Page[FineTuningJob]:
    """Return the jobs that fit; `sort` is a key of `SORTS`."""
    return filtered_page(tx, MAPPER.query, wanted, MAPPER.make, sort=sort, limit=limit, cursor=cursor)


def filtered_page(
    tx: Reader,
    query: Select[Any],
    wanted: Filter,
    make: Callable[[Row[Any]], T],
    *,
    sort: str,
    limit: int,
    cursor: str | None,
) -> Page[T]:
    """Return what `query` says of the jobs that fit, one page of them."""
    key, descending = SORTS[sort]
    statuses, conditions = tuple(wanted.statuses), tuple(wanted.conditions())
    if wanted.query or len(statuses) > 1:
        query = _found_first(query, statuses, conditions, limit + 1, cursor, descending=descending)
    else:
        if statuses:
            query = query.where(_T.c.status.in_([status.value for status in statuses]))
        query = job_filter.where(query, wanted.shape) if wanted.metadata is None else query.where(*conditions)
    return rows.page(tx, query, _T, make, limit=limit, cursor=cursor, order=(key, descending), values=wanted.values)


@lru_cache(maxsize=64)  # of what is usually asked the same, which SQLAlchemy knows again at once
def _found_first(
    query: Select[Any],
    statuses: Sequence[JobStatus],
    conditions: Sequence[ColumnElement[bool]],
    most: int,
    cursor: str | None,
    *,
    descending: bool,
) -> Select[Any]:
    """Return the query for those rows alone whose ids an index gives without a look at any row.

    A search walks the index with the texts; several statuses walk one each, for the few that are under way may lie
    behind a hundred thousand others.
    """
    each = [conditions] if not statuses else [(_T.c.status == status.value, *conditions) for status in statuses]
    firsts = [
        rows.first_of(
            select(_T.c.id).where(*one), _T, most, cursor=cursor, key="created_at", descending=descending
        ).subquery()
        for one in each
    ]
    return query.where(_T.c.id.in_(union_all(*(select(first.c.id) for first in firsts))))


def needed_content(tx: Reader, connection: str) -> set[str]:
    """Return the SHA-256 of the rows that jobs at a connection still need there: running or paused, hidden ones too."""
    holding = [status.value for status in (*ACTIVE, JobStatus.PAUSED)]
    open_jobs = (_T.c.connection == connection, _T.c.status.in_(holding))
    sent = [select(func.json_extract(_T.c.parts, f"$.{part}")).where(*open_jobs) for part in ("training", "validation")]
    rows_of = schema.datasets.c
    return set(tx.scalars(select(rows_of.sha256).where(rows_of.id.in_(union(*sent))), execution_options=EVERYTHING))


def followed(tx: Reader, connection: str) -> list[FineTuningJob]:
    """Return the adopted jobs of a connection that have not ended, oldest first."""
    open_ = [status.value for status in JobStatus if not status.is_final]
    return MAPPER.by_age(tx, _T.c.connection == connection, _T.c.adopted == 1, _T.c.status.in_(open_))


def active(tx: Reader, connection: str) -> list[FineTuningJob]:
    """Return the jobs that hold a place at a connection, oldest first."""
    holding = [status.value for status in ACTIVE]
    return MAPPER.by_age(tx, _T.c.connection == connection, _T.c.status.in_(holding))


_WAITING = (_T.c.status == JobStatus.PENDING.value, _T.c.goal == JobGoal.FINISHED.value)
# Whose turn a job takes; before there were accounts, all are one's.
_BY = case((_T.c.created_by == OWNER.id, ""), else_=_T.c.created_by)
_FAR = 2**62  # later than any moment in microseconds
_LINE = (_T.c.queue_rank, _T.c.id)
_LINES = MAPPER.query.where(*_WAITING).order_by(_T.c.connection, *_LINE)  # asked by each list of jobs


@dataclass(frozen=True, slots=True)
class IdleJob:
    """A training at its backend that nobody has troubles with or wishes for: as much of it as a look needs."""

    id: str
    gen: int
    due_at: float
    connection: str
    remote_id: str
    status: JobStatus
    cursor: str | None
    began: datetime


def calm(tx: Reader, *, now: float, limit: int) -> list[IdleJob]:
    """Return the trainings that are due, held by nobody, wanted, and were seen at the last look."""
    columns = (_T.c.id, _T.c.gen, _T.c.due_at, _T.c.connection, _T.c.remote_id, _T.c.status, _T.c.cursor)
    due = select(*columns, _T.c.started_at, _T.c.changed_at).where(
        _T.c.due_at <= now,
        _T.c.due_at.is_not(None),
        _T.c.lease_token.is_(None),
        _T.c.status.in_([JobStatus.QUEUED.value, JobStatus.RUNNING.value]),
        _T.c.goal == JobGoal.FINISHED.value,
        _T.c.attempts == 0,
        _T.c.remote_id.is_not(None),
        _T.c.observed_at.is_not(None),
    )
    rows = tx.execute(due.limit(limit))
    return [IdleJob(*row[:5], JobStatus(row[5]), row[6], row[7] or row[8]) for row in rows]


def reschedule(tx: Writer, looked: Sequence[tuple[IdleJob, datetime]], *, at: datetime) -> None:
    """Record that a look found nothing new, and when to look next; rows that were touched since are left alone."""
    untouched = (
        _T.c.id == bindparam("row_id"),
        _T.c.gen == bindparam("row_gen"),
        _T.c.due_at == bindparam("row_due_at"),
        _T.c.lease_token.is_(None),
    )
    statement = update(_T).where(*untouched).values(due_at=bindparam("next_at"), observed_at=at)
    changes = [
        {"row_id": row.id, "row_gen": row.gen, "row_due_at": row.due_at, "next_at": following.timestamp()}
        for row, following in looked
    ]
    tx.execute(statement, changes)


def first_waiting(tx: Reader, connection: str) -> str | None:
    """Return the id of the first job in the line of those that wait for a slot at a connection and are wanted.

    People take turns: whoever has least under way there is next, and of several the one who waited longest for a
    start; the rank decides among a person's own jobs.
    """
    line = (_T.c.connection == connection, *_WAITING)
    people = tx.execute(select(_BY, func.min(_T.c.queue_rank)).where(*line).group_by(_BY)).all()
    if len(people) > 1:
        loads = _loads(tx, connection, (by for by, _ in people))
        _, _, _, first = min((*loads[by], rank, by) for by, rank in people)
        chosen = _BY.in_([first])
        return tx.scalar(select(_T.c.id).where(*line, chosen).order_by(*_LINE).limit(1))
    return tx.scalar(select(_T.c.id).where(*line).order_by(*_LINE).limit(1))


def _loads(tx: Reader, connection: str, people: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return for each how many jobs they have under way at a connection, and when the last one began, in microseconds.

    Both are asked so that no job that is over is looked at: there may be a hundred thousand of them.
    """
    here = _T.c.connection == connection
    under_way = [select(_BY, func.count()).where(_T.c.status == status.value, here).group_by(_BY) for status in ACTIVE]
    active: Counter[str] = Counter()
    for by, count in tx.execute(union_all(*under_way)):
        active[by] += count
    asked = list(people)
    makers = [(by, maker) for by in asked for maker in ([by] if by else ["", OWNER.id])]
    width = 1 << (len(makers) - 1).bit_length()
    named = {f"maker_{n}": makers[min(n, len(makers) - 1)][1] for n in range(width)}
    row = tx.execute(_last_begun(width), {"connection": connection, **named}).one()
    latest = dict.fromkeys(asked, 0)
    for (by, _), last in zip(makers, row, strict=False):
        latest[by] = max(latest[by], 0 if last is None else columns.to_microseconds(last))
    return {by: (active[by], latest[by]) for by in asked}


@cache
def _last_begun(makers: int) -> Select[Any]:
    """Return the query for when the last job of each of so many makers at a connection began, as columns of one row.

    It is asked for a power of two of them, the last one named again: SQLAlchemy keeps each statement, which is as long
    as its makers are many, and a line of thirty people has another number of them all the time.
    """
    begun = _T.c.submit_started_at
    here = (_T.c.connection == bindparam("connection"), begun.is_not(None))
    lasts = [
        select(begun).where(*here, _T.c.created_by == bindparam(f"maker_{n}")).order_by(begun.desc()).limit(1)
        for n in range(makers)
    ]
    return select(*(each.scalar_subquery() for each in lasts))


def in_turn(tx: Reader, connection: str, waiting: Sequence[tuple[str, str]]) -> list[str]:
    """Return the ids of a line's jobs, given as (id, maker) by rank, in the order in which they will begin."""
    own: dict[str, deque[str]] = {}
    for identifier, by in waiting:
        own.setdefault(by, deque()).append(identifier)
    if len(own) <= 1:
        return [identifier for identifier, _ in waiting]
    loads = _loads(tx, connection, own)
    turns = [(*loads[by], number, by) for number, by in enumerate(own)]
    heapify(turns)
    order: list[str] = []
    while turns:
        active, _, number, by = heappop(turns)
        order.append(own[by].popleft())
        if own[by]:
            heappush(turns, (active + 1, _FAR + len(order), number, by))
    return order


def waiting(tx: Reader, connection: str, *, limit: int) -> list[FineTuningJob]:
    """Return the line of those that wait for a slot at a connection, the first one first."""
    first = order(tx, connection)[:limit]
    return _sorted(list(many(tx, first).values()), first)


def lines(tx: Reader, *, limit: int) -> list[FineTuningJob]:
    """Return all lines, one connection's after the other's, each with the first one first."""
    found = MAPPER.all(tx, _LINES.limit(limit))
    if len({each.created_by for each in found}) <= 1:
        return found
    by_connection: dict[str, list[FineTuningJob]] = {}
    for each in found:
        by_connection.setdefault(each.spec.connection, []).append(each)
    return [
        each
        for connection, line in by_connection.items()
        for each in _sorted(line, in_turn(tx, connection, [(job.id, job.created_by) for job in line]))
    ]


def _sorted(jobs: Sequence[FineTuningJob], order: Sequence[str]) -> list[FineTuningJob]:
    known = {each.id: each for each in jobs}
    return [known[identifier] for identifier in order]


def order(tx: Reader, connection: str) -> list[str]:
    """Return the ids of a connection's line, the first one first."""
    query = select(_T.c.id, _BY).where(_T.c.connection == connection, *_WAITING).order_by(*_LINE)
    return in_turn(tx, connection, [(row[0], row[1]) for row in tx.execute(query)])


def ranks(tx: Reader, connection: str, by: str) -> list[tuple[str, int]]:
    """Return somebody's own part of that line as (id, rank)."""
    query = select(_T.c.id, _T.c.queue_rank).where(_T.c.connection == connection, *_WAITING, _BY.in_([by]))
    return [(row.id, row.queue_rank) for row in tx.execute(query.order_by(*_LINE))]


def base_models(tx: Reader, connection: str) -> list[str]:
    """Return the base models that jobs of a connection trained, each once, by id."""
    query = select(_T.c.base_model).where(_T.c.connection == connection).distinct().order_by(_T.c.base_model)
    return list(tx.scalars(query))


def set_rank(tx: Writer, identifier: str, rank: int) -> None:
    """Give a waiting job another place in the line."""
    rows.change(tx, _T, identifier, {"queue_rank": rank})


def sent(tx: Reader, identifier: str) -> Mapping[str, Hyperparameter] | None:
    """Return the parameters as the backend took them, once it told."""
    return sent_in(tx.scalar(select(_T.c.sent).where(_T.c.id == identifier)))


def sent_in(body: str | None) -> Mapping[str, Hyperparameter] | None:
    """Return the same, from its column."""
    return None if body is None else codec.load(dict[str, Hyperparameter], body)


def set_sent(tx: Writer, identifier: str, parameters: Mapping[str, Hyperparameter]) -> None:
    """Record the parameters as the backend took them."""
    rows.change(tx, _T, identifier, {"sent": codec.dump(dict(parameters))})


def set_model(tx: Writer, identifier: str, model: str) -> None:
    """Write which model a job has made, where that was the question that its message asks."""
    rows.change(tx, _T, identifier, {"fine_tuned_model": model, "message": ""})


def version(tx: Reader, identifier: str) -> tuple[int, int] | None:
    """Return (fencing number, last change in microseconds): cheap to compare, changes with every record."""
    row = tx.execute(select(_T.c.gen, _T.c.changed_at, _T.c.goal).where(_T.c.id == identifier)).one_or_none()
    return None if row is None else (row.gen, columns.to_microseconds(row.changed_at))
