"""Lifeboats in the database."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import func, insert, select

from app.domain.lifeboats import Lifeboat, LifeboatStatus, PastJob, RescuedJob, RescueStage
from app.kit.ids import new_id
from app.kit.paging import Page
from app.store import lifeboat_schema as schema
from app.store.database import Reader, Writer
from app.store.mapping import LEASED, Mapper

_T, _J = schema.lifeboats, schema.rescued
_M = Mapper(Lifeboat, _T, made=LEASED)
JOBS = Mapper(RescuedJob, _J)
get, values, add = _M.get, _M.values, _M.add
job, save_job = JOBS.get, JOBS.save


def page(tx: Reader, *, limit: int, cursor: str | None, connection: str | None = None) -> Page[Lifeboat]:
    """Return lifeboats, the newest first."""
    return _M.page(tx, limit=limit, cursor=cursor, connection=connection)


def running(tx: Reader, connection: str) -> Lifeboat | None:
    """Return the lifeboat that is under way at a connection."""
    wanted = _M.query.where(_T.c.connection == connection, _T.c.status == LifeboatStatus.RUNNING)
    return _M.first(tx, wanted)


def note_jobs(tx: Writer, lifeboat: Lifeboat, found: Sequence[PastJob]) -> int:
    """Write down the jobs of a page of the provider's list, those that stand here already left alone; return how many
    are new.
    """
    ids = [each.id for each in found]
    known = set(tx.scalars(select(_J.c.remote_id).where(_J.c.lifeboat == lifeboat.id, _J.c.remote_id.in_(ids))))
    new = [each for each in found if each.id not in known]
    for each in new:
        made_at = each.made_at or lifeboat.created_at
        row = RescuedJob(
            id=new_id("res", lifeboat.created_at),
            lifeboat=lifeboat.id,
            remote_id=each.id,
            job=each,
            created_at=made_at,
        )
        tx.execute(insert(_J).values(**JOBS.values(row)))
    return len(new)


def set_cursor(tx: Writer, identifier: str, cursor: str | None) -> None:
    """Write down how far the provider's list has been read; None: wholly."""
    read = {"cursor": cursor, "listed": 0 if cursor else 1}
    tx.execute(_T.update().where(_T.c.id == identifier).values(read))


def next_job(tx: Reader, lifeboat: str) -> RescuedJob | None:
    """Return the newest job of which something is yet to be fetched."""
    wanted = JOBS.query.where(_J.c.lifeboat == lifeboat, _J.c.stage != RescueStage.DONE.value)
    return JOBS.first(tx, wanted.order_by(_J.c.created_at.desc(), _J.c.id))


def jobs(tx: Reader, lifeboat: str, *, limit: int, cursor: str | None) -> Page[RescuedJob]:
    """Return a lifeboat's jobs, the newest first."""
    found = JOBS.query.where(_J.c.lifeboat == lifeboat)
    return JOBS.page(tx, found, limit=limit, cursor=cursor)


def counts(tx: Reader, lifeboat: str) -> tuple[int, int]:
    """Return (how many jobs were found, of how many everything is here)."""
    done = func.count().filter(_J.c.stage == RescueStage.DONE.value)
    row = tx.execute(select(func.count(), done).where(_J.c.lifeboat == lifeboat)).one()
    return int(row[0]), int(row[1])


def moved(rescued: RescuedJob, stage: RescueStage, note: str = "") -> RescuedJob:
    """Return a job at its next stage, with what could not be had."""
    return replace(rescued, stage=stage, notes=(*rescued.notes, note) if note else rescued.notes)
