"""Who works on which row: claimed for a while, fenced by a number, so that nothing is recorded by two.

A claim makes the row's `gen` one larger. Whoever records afterwards names the `fence` of their claim; if the lease ran
out meanwhile and somebody else claimed the row, the numbers differ, no row is written, and the late one drops what
it found. On SQLite a writer is alone (BEGIN IMMEDIATE); on PostgreSQL, SKIP LOCKED lets several claim at once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Table, and_, bindparam, case, func, literal, or_, select, update

from app.store import lifeboat_schema, outbox_schema, schema
from app.store.database import Reader, Writer

# In the order of their urgency: what people wait for first comes first.
TABLES: Mapping[str, Table] = {
    "deployments": schema.deployments,
    "evaluations": schema.evaluations,
    "jobs": schema.jobs,
    "datasets": schema.datasets,
    "models": schema.models,
    "connections": schema.connections,
    "lifeboats": lifeboat_schema.lifeboats,
    "webhook_messages": outbox_schema.messages,
}
# Written by people and by counters while the engine acts: its record leaves them alone.
_NOT_THE_ENGINES = {"id", "goal", "goal_at"}


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to record on one row, until `until` (seconds since 1970) or until somebody else claims it."""

    table: str
    id: str
    fence: int  # the value of `gen` that the claim made
    until: float


def claim(tx: Writer, table: str, *, now: float, lease_s: float, limit: int, token: str) -> list[Claim]:
    """Take up to `limit` rows that are due and that nobody holds, the longest due first.

    A claimed row falls due again when its lease ends; so a worker that dies needs nobody to notice.
    """
    found = tx.scalars(_due(table), {"now": now, "most": limit}).all()
    if not found:
        return []
    t, until = TABLES[table], now + lease_s
    taken = (
        update(t)
        .where(t.c.id.in_(found), or_(t.c.lease_until.is_(None), t.c.lease_until <= now))
        .values(lease_token=token, lease_until=until, due_at=until, gen=t.c.gen + 1)
        .returning(t.c.id, t.c.gen)
    )
    gens = {row.id: row.gen for row in tx.execute(taken)}
    return [Claim(table, identifier, gens[identifier], until) for identifier in found if identifier in gens]


def keep(tx: Writer, claim: Claim, values: Mapping[str, Any]) -> bool:
    """Write values in the middle of an act and go on holding the row; False if somebody else has it."""
    t = TABLES[claim.table]
    own = and_(t.c.id == claim.id, t.c.gen == claim.fence)
    return tx.execute(update(t).where(own).values(_engines(values))).rowcount == 1


def _issue(t: Table, values: Mapping[str, Any], at: datetime | None) -> dict[str, Any]:
    """Return since when the row is in trouble: from the first of the attempts that failed until one did not."""
    if "attempts" not in values or at is None:
        return {}
    moment = literal(at, t.c.failing_since.type)
    return {"failing_since": func.coalesce(t.c.failing_since, moment) if values["attempts"] else None}


def settle(
    tx: Writer, claim: Claim, values: Mapping[str, Any], *, due_at: float | None, at: datetime | None = None
) -> bool:
    """Write what an act came to, and give the row back; False, and nothing written, if somebody else has it.

    `due_at` says when to look again, None never; `at` is now. Whoever asked for an earlier look during the act gets it.
    """
    t = TABLES[claim.table]
    own = and_(t.c.id == claim.id, t.c.gen == claim.fence)
    earlier = t.c.due_at if due_at is None else case((t.c.due_at < due_at, t.c.due_at), else_=due_at)
    asked_meanwhile = t.c.due_at != claim.until
    engines = (
        _engines(values)
        | _issue(t, values, at)
        | {
            "due_at": case((asked_meanwhile, earlier), else_=due_at),
            "lease_token": None,
            "lease_until": None,
        }
    )
    return tx.execute(update(t).where(own).values(engines)).rowcount == 1


def attempts(tx: Reader, claim: Claim) -> int | None:
    """Return how many acts in a row have failed; None of a row that is gone, or of a kind that does not count them."""
    t = TABLES[claim.table]
    return tx.scalar(select(t.c.attempts).where(t.c.id == claim.id)) if "attempts" in t.c else None


def wake(tx: Writer, table: str, identifiers: Collection[str], *, due_at: float) -> None:
    """Let rows fall due no later than `due_at`."""
    t = TABLES[table]
    later = or_(t.c.due_at.is_(None), t.c.due_at > due_at)
    tx.execute(update(t).where(t.c.id.in_(identifiers), later).values(due_at=due_at))


def look_now(tx: Writer, table: str, identifier: str, *, due_at: float) -> bool | None:
    """Let a row fall due at `due_at` and count its tries anew; False if it is over, None if there is none."""
    t = TABLES[table]
    waits = and_(t.c.id == identifier, t.c.due_at.is_not(None))
    if tx.execute(update(t).where(waits).values(due_at=due_at, attempts=0)).rowcount:
        return True
    return None if tx.scalar(select(t.c.id).where(t.c.id == identifier)) is None else False


def release(tx: Writer, token: str | None = None) -> int:
    """Give back what `token` holds, or everybody's if it is None; return how many rows that were.

    Their results, should some still come, are dropped: `gen` grows.
    """
    given_back = 0
    for t in TABLES.values():
        held = t.c.lease_token.is_not(None) if token is None else t.c.lease_token == token
        freed = {"lease_token": None, "lease_until": None, "due_at": 0.0, "gen": t.c.gen + 1}
        given_back += tx.execute(update(t).where(held).values(freed)).rowcount
    return given_back


def next_due(tx: Reader, *, now: float) -> float | None:
    """Return when the next row that nobody holds falls due (seconds since 1970), read from the due indexes."""
    return min(first_due(tx, now=now).values(), default=None)


def first_due(tx: Reader, *, now: float) -> Mapping[str, float]:
    """Return the same for each table in which anything falls due at all."""
    moments = tx.execute(_next_due(), {"now": now}).one()
    return {table: moment for table, moment in zip(TABLES, moments, strict=True) if moment is not None}


# The engine asks these some times a second, whatever there is to do: to put them together costs more than to ask them.
@cache
def _next_due() -> Select[Any]:
    """Return the query for the first moment of each table, as the columns of one row."""
    firsts = [
        select(t.c.due_at).where(t.c.due_at.is_not(None), _free(t)).order_by(t.c.due_at).limit(1)
        for t in TABLES.values()
    ]
    return select(*(first.scalar_subquery() for first in firsts))


@cache
def _due(table: str) -> Select[Any]:
    """Return the query for the ids of what is due in a table, the longest due first."""
    t = TABLES[table]
    due = select(t.c.id).where(t.c.due_at <= bindparam("now"), _free(t)).order_by(t.c.due_at, t.c.id)
    return due.limit(bindparam("most", type_=Integer)).with_for_update(skip_locked=True)


def _free(t: Table) -> ColumnElement[bool]:
    return or_(t.c.lease_until.is_(None), t.c.lease_until <= bindparam("now"))


def _engines(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _NOT_THE_ENGINES}
