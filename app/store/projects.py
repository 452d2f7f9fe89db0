"""Projects in the database."""

from sqlalchemy import select

from app.domain.projects import Project
from app.store import schema, usage
from app.store.database import Reader
from app.store.mapping import Mapper

_T = schema.projects
MAPPER = _M = Mapper(Project, _T)
add, save, get, page, remove = _M.add, _M.save, _M.get, _M.page, _M.remove


def by_name(tx: Reader, name: str) -> Project | None:
    """Return the project of that name, whatever its case: SQLite's own `lower` knows A to Z only."""
    same = (identifier for identifier, known in names(tx).items() if known.casefold() == name.casefold())
    identifier = next(same, None)
    return None if identifier is None else get(tx, identifier)


def names(tx: Reader) -> dict[str, str]:
    """Return every project's name by id (there are few)."""
    return {row.id: row.name for row in tx.execute(select(_T.c.id, _T.c.name))}


def oldest(tx: Reader) -> Project | None:
    """Return the project that was made first."""
    return _M.first(tx, _M.query.order_by(_T.c.created_at, _T.c.id))


def uses(tx: Reader, identifier: str) -> dict[str, int]:
    """Return how many jobs, models and datasets belong to a project."""
    return usage.holders(tx, "project", identifier, schema.models, schema.datasets)
