"""The wizard's memory in the database."""

from sqlalchemy import update

from app.domain.drafts import JobDraft
from app.kit.paging import Page
from app.store import schema
from app.store.database import Reader, Writer
from app.store.mapping import Mapper

_T = schema.drafts
_M = Mapper(JobDraft, _T, names={"values": "answers"})
add, get, remove = _M.add, _M.get, _M.remove


def save(tx: Writer, draft: JobDraft, *, expected_revision: int) -> bool:
    """Write the draft over the revision it came from; False when somebody else was first."""
    same = (_T.c.id == draft.id, _T.c.revision == expected_revision)
    return tx.execute(update(_T).where(*same).values(_M.values(draft))).rowcount == 1


def page(tx: Reader, *, limit: int, cursor: str | None) -> Page[JobDraft]:
    """Return the drafts that have not become jobs, last touched first."""
    return _M.page(tx, _M.query.where(_T.c.job.is_(None)), limit=limit, cursor=cursor, key="updated_at")
