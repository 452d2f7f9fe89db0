"""Fine-tuned models in the database."""

from typing import Any

from sqlalchemy import Row, select

from app.domain.models import FineTunedModel, ModelStatus
from app.kit.paging import Page
from app.store import rows, schema
from app.store.database import Reader, Writer

_T = schema.models


def _make(row: Row[Any]) -> FineTunedModel:
    fields = {column.name: getattr(row, column.name) for column in _T.c}
    return FineTunedModel(**fields | {"status": ModelStatus(row.status)})


def _values(model: FineTunedModel) -> dict[str, Any]:
    values = {column.name: getattr(model, column.name) for column in _T.c}
    return values | {"status": model.status.value}


def add(tx: Writer, model: FineTunedModel) -> None:
    rows.add(tx, _T, _values(model))


def save(tx: Writer, model: FineTunedModel) -> None:
    rows.change(tx, _T, model.id, _values(model))


def get(tx: Reader, identifier: str) -> FineTunedModel | None:
    row = rows.one(tx, _T, identifier)
    return None if row is None else _make(row)


def by_remote_id(tx: Reader, connection: str, remote_id: str) -> FineTunedModel | None:
    row = tx.execute(select(_T).where(_T.c.connection == connection, _T.c.remote_id == remote_id)).one_or_none()
    return None if row is None else _make(row)


def on_base(tx: Reader, connection: str, base_model: str) -> list[FineTunedModel]:
    """Return the models that were trained from a base of that id, the oldest first."""
    query = select(_T).where(_T.c.connection == connection, _T.c.base_model == base_model)
    return [_make(row) for row in tx.execute(query.order_by(_T.c.created_at, _T.c.id))]


def of_job(tx: Reader, job: str) -> list[FineTunedModel]:
    """Return the models that a job made: its result first, then those from its checkpoints."""
    return [_make(row) for row in tx.execute(select(_T).where(_T.c.job == job).order_by(_T.c.created_at, _T.c.id))]


def page(
    tx: Reader, *, project: str | None = None, with_deleted: bool = False, limit: int, cursor: str | None
) -> Page[FineTunedModel]:
    query = select(_T)
    if project is not None:
        query = query.where(_T.c.project == project)
    if not with_deleted:
        query = query.where(_T.c.status != ModelStatus.DELETED.value)
    return rows.page(tx, query, _T, _make, limit=limit, cursor=cursor)


def deleting(tx: Reader) -> list[FineTunedModel]:
    """Return the models whose teardown was asked for and is not done."""
    return [_make(row) for row in tx.execute(select(_T).where(_T.c.status == ModelStatus.DELETING.value))]
