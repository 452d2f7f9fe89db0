"""Fine-tuned models in the database."""

from collections.abc import Sequence

from app.domain.models import FineTunedModel, ModelStatus
from app.kit.paging import Page
from app.store import schema
from app.store.database import Reader
from app.store.mapping import LEASED, Mapper

_T = schema.models
_M = Mapper(FineTunedModel, _T, made=LEASED)
add, save, get = _M.add, _M.save, _M.get


def by_remote_id(tx: Reader, connection: str, remote_id: str) -> FineTunedModel | None:
    return _M.first(tx, _M.query.where(_T.c.connection == connection, _T.c.remote_id == remote_id))


def on_base(tx: Reader, connection: str, base_model: str) -> list[FineTunedModel]:
    """Return the models that were trained from a base of that id, the oldest first."""
    return _M.by_age(tx, _T.c.connection == connection, _T.c.base_model == base_model)


def of_job(tx: Reader, job: str) -> list[FineTunedModel]:
    """Return the models that a job made: its result first, then those from its checkpoints."""
    return _M.by_age(tx, _T.c.job == job)


def of_jobs(tx: Reader, jobs: Sequence[str]) -> list[FineTunedModel]:
    """Return the models that several jobs made, the oldest first."""
    return _M.by_age(tx, _T.c.job.in_(jobs))


def page(tx: Reader, *, project: str | None = None, limit: int, cursor: str | None) -> Page[FineTunedModel]:
    """Return the models that are not deleted, newest first."""
    query = _M.query.where(_T.c.status != ModelStatus.DELETED.value)
    return _M.page(tx, query, limit=limit, cursor=cursor, project=project)
