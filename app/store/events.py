"""The journal in the database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select

from app.domain.backend import RemoteEvent
from app.domain.events import Event, EventLevel
from app.kit.paging import Page
from app.store import rows, schema
from app.store.database import Reader, Writer
from app.store.mapping import Mapper

_T = schema.events
_M = Mapper(Event, _T)


def add(
    tx: Writer, subject: str, message: str, *, at: datetime, level: EventLevel = EventLevel.INFO, kind: str = "status"
) -> None:
    """Write one entry, signed by the actor whose transaction it is."""
    values = {"subject": subject, "at": at, "level": level.value, "kind": kind, "message": message, "remote_id": None}
    tx.execute(insert(_T).values(**values, actor=rows.by(tx)))


def add_remote(tx: Writer, subject: str, reported: Sequence[RemoteEvent]) -> None:
    """Write what a backend told, each entry once however often it tells it."""
    ids = [event.id for event in reported]
    known = set(tx.scalars(select(_T.c.remote_id).where(_T.c.subject == subject, _T.c.remote_id.in_(ids))))
    for event in reported:
        if event.id not in known:
            known.add(event.id)
            row = {"at": event.at, "level": event.level.value, "message": event.message, "remote_id": event.id}
            tx.execute(insert(_T).values(subject=subject, kind="remote", **row))


def page(tx: Reader, subject: str, *, limit: int, cursor: str | None, newest_first: bool = True) -> Page[Event]:
    """Return a thing's journal."""
    query = _M.query.where(_T.c.subject == subject)
    return rows.numbered_page(tx, query, _T.c.number, _M.make, limit=limit, cursor=cursor, descending=newest_first)


def after(tx: Reader, subject: str, number: int, *, limit: int) -> list[Event]:
    """Return a thing's entries behind entry `number`, in their order."""
    query = _M.query.where(_T.c.subject == subject, _T.c.number > number).order_by(_T.c.number).limit(limit)
    return _M.all(tx, query)


def last_number(tx: Reader, subject: str) -> int:
    """Return the number of a thing's newest entry, 0 if there is none."""
    query = select(_T.c.number).where(_T.c.subject == subject).order_by(_T.c.number.desc()).limit(1)
    return tx.scalar(query) or 0


def count(tx: Reader) -> int:
    """Return how many entries were ever written."""
    return tx.scalar(select(_T.c.number).order_by(_T.c.number.desc()).limit(1)) or 0


def of_kind(tx: Reader, subject: str, kind: str) -> list[Event]:
    """Return a thing's entries of one kind, in their order."""
    query = _M.query.where(_T.c.subject == subject, _T.c.kind == kind).order_by(_T.c.number)
    return _M.all(tx, query)
