"""Fine-tuned models in the database."""

from collections.abc import Collection, Sequence

from sqlalchemy import MetaData, exists, select

from app.domain.models import FineTunedModel, ModelStatus
from app.kit.paging import Page
from app.store import schema
from app.store.database import Reader
from app.store.mapping import LEASED, Mapper
from app.store.sight import EVERYTHING

_T = schema.models
_ALL = _T.to_metadata(MetaData(), schema="main")  # the table itself, behind what a reader sees of it
_UNSEEN = ~exists().where(_T.c.id == _ALL.c.id)
MAPPER = _M = Mapper(FineTunedModel, _T, made=LEASED)
add, save, get = _M.add, _M.save, _M.get


def by_remote_id(tx: Reader, connection: str, remote_id: str) -> FineTunedModel | None:
    return _M.first(tx, _M.query.where(_T.c.connection == connection, _T.c.remote_id == remote_id))


def taken(tx: Reader, connection: str, remote_ids: Collection[str]) -> set[str]:
    """Return those ids that are models' already, hidden ones too."""
    same = select(_T.c.remote_id).where(_T.c.connection == connection, _T.c.remote_id.in_(remote_ids))
    return set(tx.scalars(same, execution_options=EVERYTHING))


def hidden(tx: Reader, connection: str, remote_ids: Collection[str]) -> set[str]:
    """Return those ids that are models' that the reader does not see."""
    there = _ALL.c
    same = select(there.remote_id).where(there.connection == connection, there.remote_id.in_(remote_ids), _UNSEEN)
    return set(tx.scalars(same))


def is_hidden(tx: Reader, connection: str, remote_id: str) -> bool:
    """Tell whether that id is a model's that the reader does not see."""
    return bool(hidden(tx, connection, [remote_id]))


def on_base(tx: Reader, connection: str, base_model: str) -> list[FineTunedModel]:
    """Return the models that were trained from a base of that id, the oldest first."""
    return _M.by_age(tx, _T.c.connection == connection, _T.c.base_model == base_model)


def of_jobs(tx: Reader, jobs: Sequence[str]) -> list[FineTunedModel]:
    """Return the models that several jobs made, the oldest first."""
    return _M.by_age(tx, _T.c.job.in_(jobs))


def by_tail(tx: Reader, tail: str) -> list[FineTunedModel]:
    """Return the models whose job's id, or own where no job made them, ends so; the oldest first."""
    ends = _T.c.job.endswith(tail, autoescape=True) | (_T.c.job.is_(None) & _T.c.id.endswith(tail, autoescape=True))
    return _M.by_age(tx, ends)


def present(tx: Reader) -> list[FineTunedModel]:
    """Return the models that are there, the newest first."""
    query = _M.query.where(_T.c.status == ModelStatus.PRESENT.value)
    return _M.all(tx, query.order_by(_T.c.created_at.desc(), _T.c.id.desc()))


def page(tx: Reader, *, project: str | None = None, limit: int, cursor: str | None) -> Page[FineTunedModel]:
    """Return the models that are not deleted, newest first."""
    query = _M.query.where(_T.c.status != ModelStatus.DELETED.value)
    return _M.page(tx, query, limit=limit, cursor=cursor, project=project)
