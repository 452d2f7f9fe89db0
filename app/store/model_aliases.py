"""Aliases of models in the database; rows are never changed but for their withdrawal."""

from app.domain.model_aliases import ModelAlias
from app.store import schema
from app.store.database import Reader, Writer
from app.store.mapping import Mapper

_T = schema.model_aliases
_M = Mapper(ModelAlias, _T)


def get(tx: Reader, name: str) -> ModelAlias | None:
    """Return an alias, withdrawn or not."""
    return _M.first(tx, _M.query.where(_T.c.name == name))


def all_of_them(tx: Reader) -> list[ModelAlias]:
    """Return the aliases that were not withdrawn, by name (there are few)."""
    return _M.all(tx, _M.query.where(_T.c.withdrawn_at.is_(None)).order_by(_T.c.name))


def put(tx: Writer, alias: ModelAlias) -> None:
    """Write an alias."""
    _M.put(tx, alias)
