"""The audit in the database: added to at its end, looked through, forgotten by age from its beginning."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import datetime

from sqlalchemy import Row, delete, func, insert, select, update

from app.domain.actors import Actor
from app.domain.audit import FIRST, Act, AuditEntry, AuditVerdict
from app.kit import log_context
from app.kit.paging import Page
from app.store import audit_schema, rows
from app.store.database import Reader, Writer

_T, _H = audit_schema.audit, audit_schema.audit_horizon
_NAMES = [each.name for each in fields(AuditEntry)]
_QUERY = select(*(_T.c[name] for name in _NAMES))
_CHUNK = 1000


def append(tx: Writer, actor: Actor, acts: Sequence[Act], *, at: datetime) -> None:
    """Write down what an actor did, in the transaction in which it is done."""
    about = log_context.present()
    number, previous = _end(tx)
    for act in acts:
        number += 1
        entry = AuditEntry(
            number=number,
            at=at,
            actor=actor.id,
            role=actor.role.value,
            request=about.get("request", ""),
            peer=about.get("peer", ""),
            verb=act.verb,
            action=act.action,
            noun=act.noun,
            subject=act.subject,
            given=act.given,
            previous=previous,
            hash="",
        )
        entry = replace(entry, hash=entry.expected())
        tx.execute(insert(_T).values({name: getattr(entry, name) for name in _NAMES}))
        previous = entry.hash


def page(tx: Reader, *, actor: str, subject: str, limit: int, cursor: str | None) -> Page[AuditEntry]:
    """Return the audit, newest first; of one actor, or about one thing, where these are given."""
    query = _QUERY
    if actor:
        query = query.where(_T.c.actor == actor)
    if subject:
        query = query.where(_T.c.subject == subject)
    return rows.numbered_page(tx, query, _T.c.number, _made, limit=limit, cursor=cursor, descending=True)


def after(tx: Reader, number: int, *, limit: int) -> list[AuditEntry]:
    """Return the entries behind entry `number`, in their order."""
    return [_made(row) for row in tx.execute(_QUERY.where(_T.c.number > number).order_by(_T.c.number).limit(limit))]


def verify(tx: Reader) -> AuditVerdict:
    """Look through the whole audit: every hash, every number, from what was forgotten on."""
    number, previous = _horizon(tx)
    first, count = number + 1, 0
    for entry in _all(tx, number):
        number, count = number + 1, count + 1
        problem = _problem(entry, number, previous)
        if problem:
            return AuditVerdict(entries=count, first=first, head=previous, problem=problem)
        previous = entry.hash
    return AuditVerdict(entries=count, first=first, head=previous)


def has(tx: Reader, known: str) -> bool:
    """Tell whether an entry of that hash is kept, or was the last that was forgotten."""
    there = tx.scalar(select(_T.c.number).where(_T.c.hash == known).limit(1)) is not None
    return there or _horizon(tx)[1] == known


def forget(tx: Writer, *, before: datetime) -> int:
    """Remove what is older than that, from the beginning of the chain; return how many entries."""
    newest = tx.execute(_QUERY.where(_T.c.at < before).order_by(_T.c.number.desc()).limit(1)).first()
    # Clocks may have been set back: nothing goes that follows something that stays.
    kept = tx.scalar(select(func.min(_T.c.number)).where(_T.c.at >= before))
    if newest is None:
        return 0
    last = newest.number if kept is None else min(newest.number, kept - 1)
    known = tx.scalar(select(_T.c.hash).where(_T.c.number == last))
    if known is None:
        return 0
    tx.execute(update(_H).values(number=last, hash=known))
    return tx.execute(delete(_T).where(_T.c.number <= last)).rowcount


def _problem(entry: AuditEntry, number: int, previous: str) -> str:
    if entry.number != number:
        return f"Entry {number} is missing."
    if entry.previous != previous:
        return f"Entry {number} does not follow the one before it: something was taken out or put in."
    return "" if entry.hash == entry.expected() else f"Entry {number} was changed."


def _end(tx: Reader) -> tuple[int, str]:
    last = tx.execute(select(_T.c.number, _T.c.hash).order_by(_T.c.number.desc()).limit(1)).first()
    return _horizon(tx) if last is None else (last.number, last.hash)


def _horizon(tx: Reader) -> tuple[int, str]:
    row = tx.execute(select(_H.c.number, _H.c.hash)).first()
    return (0, FIRST) if row is None else (row.number, row.hash)


def _all(tx: Reader, number: int) -> Iterator[AuditEntry]:
    while chunk := after(tx, number, limit=_CHUNK):
        yield from chunk
        number = chunk[-1].number


def _made(row: Row[tuple[object, ...]]) -> AuditEntry:
    return AuditEntry(**dict(zip(_NAMES, row, strict=True)))  # type: ignore[arg-type]  # as the columns are
