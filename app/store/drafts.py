"""The wizard's memory in the database."""

from typing import Any

from sqlalchemy import Row, delete, select, update

from app.domain.drafts import JobDraft, Step
from app.kit.paging import Page
from app.store import codec, rows, schema
from app.store.database import Reader, Writer

_T = schema.drafts


def _make(row: Row[Any]) -> JobDraft:
    return JobDraft(
        id=row.id,
        revision=row.revision,
        values=codec.load(dict[str, Any], row.answers),
        visited=codec.load(tuple[Step, ...], row.visited),
        job=row.job,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _values(draft: JobDraft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "revision": draft.revision,
        "answers": codec.dump(draft.values),
        "visited": codec.dump(draft.visited),
        "job": draft.job,
        "created_at": draft.created_at,
        "updated_at": draft.updated_at,
    }


def add(tx: Writer, draft: JobDraft) -> None:
    rows.add(tx, _T, _values(draft))


def save(tx: Writer, draft: JobDraft, *, expected_revision: int) -> bool:
    """Write the draft over the revision it came from; False when somebody else was first."""
    same = (_T.c.id == draft.id, _T.c.revision == expected_revision)
    return tx.execute(update(_T).where(*same).values(_values(draft))).rowcount == 1


def get(tx: Reader, identifier: str) -> JobDraft | None:
    row = rows.one(tx, _T, identifier)
    return None if row is None else _make(row)


def page(tx: Reader, *, limit: int, cursor: str | None) -> Page[JobDraft]:
    """Return the drafts that have not become jobs, last touched first."""
    query = select(_T).where(_T.c.job.is_(None))
    return rows.page(tx, query, _T, _make, limit=limit, cursor=cursor, key="updated_at")


def remove(tx: Writer, identifier: str) -> None:
    tx.execute(delete(_T).where(_T.c.id == identifier))
