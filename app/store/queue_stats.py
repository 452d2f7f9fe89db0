"""What the engine has before it, read over all its tables at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.domain.deployments import DeploymentStatus
from app.domain.evaluations import EvaluationStatus
from app.domain.jobs import JobStatus
from app.store import columns, schema
from app.store.database import Reader, Writer
from app.store.leases import TABLES

_OVER: dict[Table, list[str]] = {
    schema.jobs: [each.value for each in JobStatus if each.is_final],
    schema.evaluations: [each.value for each in EvaluationStatus if each.is_final],
    schema.deployments: [DeploymentStatus.DELETED.value],
}
_TRIES = {name: table for name, table in TABLES.items() if "attempts" in table.c}


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One table: rows the engine will look at, those due by now, those held, and when the oldest fell due."""

    table: str
    open: int
    due: int
    held: int
    oldest_due_at: float | None  # seconds since 1970; of what is due and not held


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A row that somebody works on, until when at most."""

    table: str
    id: str
    token: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """A row whose last tries failed, and when the next one is."""

    table: str
    id: str
    attempts: int
    note: str
    since: datetime | None
    next_try_at: datetime | None


def over(tx: Reader, identifiers: Collection[str]) -> dict[str, bool]:
    """Return, of the ids that are jobs, evaluations or deployments, whether each is over."""
    known: dict[str, bool] = {}
    for table, words in _OVER.items():
        for chunk in _chunks(identifiers):
            found = tx.execute(select(table.c.id, table.c.status).where(table.c.id.in_(chunk)))
            known |= {row.id: row.status in words for row in found}
    return known


def seen(tx: Reader, *, now: float) -> list[Level]:
    """Return every table as the engine has it before it, read from the due indexes."""
    return [_level(tx, name, table, now) for name, table in TABLES.items()]


def statuses(tx: Reader) -> dict[str, dict[str, int]]:
    """Return how many rows have each status, by noun."""
    counted = {name: table for name, table in TABLES.items() if "status" in table.c}
    asked = {name: select(table.c.status, func.count()).group_by(table.c.status) for name, table in counted.items()}
    jobs = schema.job_counts.c
    asked["jobs"] = select(jobs.status, func.sum(jobs.jobs)).where(jobs.jobs > 0).group_by(jobs.status)
    return {name: {row[0]: row[1] for row in tx.execute(query)} for name, query in asked.items()}


def paused(tx: Reader) -> int:
    """Return how many connections are paused."""
    known = schema.connections.c.paused_reason.is_not(None)
    return tx.scalar(select(func.count()).select_from(schema.connections).where(known)) or 0


def held(tx: Reader, *, limit: int) -> list[Held]:
    """Return the rows that are being worked on."""
    found: list[Held] = []
    for name, table in TABLES.items():
        query = select(table.c.id, table.c.lease_token, table.c.lease_until)
        query = query.where(table.c.due_at.is_not(None), table.c.lease_token.is_not(None)).limit(limit)
        rows = tx.execute(query)
        found += [
            Held(table=name, id=row.id, token=row.lease_token, until=columns.from_seconds(row.lease_until))
            for row in rows
        ]
    return found[:limit]


def retrying(tx: Reader, *, limit: int) -> list[Retrying]:
    """Return the rows that wait for another try, those with the most tries first."""
    found: list[Retrying] = []
    for name, table in _TRIES.items():
        query = select(table.c.id, table.c.attempts, table.c.note, table.c.failing_since, table.c.due_at)
        query = query.where(table.c.due_at.is_not(None), table.c.attempts > 0, table.c.note != "")
        rows = tx.execute(query.order_by(table.c.attempts.desc()).limit(limit))
        found += [
            Retrying(
                table=name,
                id=row.id,
                attempts=row.attempts,
                note=row.note,
                since=row.failing_since,
                next_try_at=columns.from_seconds(row.due_at),
            )
            for row in rows
        ]
    return sorted(found, key=lambda each: -each.attempts)[:limit]


def count(tx: Writer, name: str, by: int = 1) -> None:
    """Make a counter larger, in the transaction that it counts: what is rolled back was not counted."""
    c = schema.counters
    statement = upsert(c).values(name=name, value=by)
    tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": c.c.value + by}))


def counters(tx: Reader) -> dict[str, int]:
    """Return every counter."""
    return {row.name: row.value for row in tx.execute(select(schema.counters))}


def _level(tx: Reader, name: str, table: Table, now: float) -> Level:
    open_rows = table.c.due_at.is_not(None)
    free = table.c.lease_until.is_(None)
    held_rows = tx.scalar(select(func.count()).where(open_rows, table.c.lease_token.is_not(None)))
    return Level(
        table=name,
        open=tx.scalar(select(func.count()).where(open_rows)) or 0,
        due=tx.scalar(select(func.count()).where(table.c.due_at <= now, free)) or 0,
        held=held_rows or 0,
        oldest_due_at=tx.scalar(select(func.min(table.c.due_at)).where(table.c.due_at <= now, free)),
    )


def _chunks(identifiers: Collection[str], size: int = 500) -> Sequence[list[str]]:
    listed = list(identifiers)
    return [listed[start : start + size] for start in range(0, len(listed), size)]
