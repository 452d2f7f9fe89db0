"""Projects in the database."""

from typing import Any

from sqlalchemy import Row, delete, func, select

from app.domain.projects import DecisionRecord, Project
from app.kit.paging import Page
from app.store import codec, rows, schema
from app.store.database import Reader, Writer

_T = schema.projects


def _make(row: Row[Any]) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        description=row.description,
        decision=codec.load(DecisionRecord, row.decision),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _values(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "decision": codec.dump(project.decision),
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


def add(tx: Writer, project: Project) -> None:
    rows.add(tx, _T, _values(project))


def save(tx: Writer, project: Project) -> None:
    rows.change(tx, _T, project.id, _values(project))


def get(tx: Reader, identifier: str) -> Project | None:
    row = rows.one(tx, _T, identifier)
    return None if row is None else _make(row)


def by_name(tx: Reader, name: str) -> Project | None:
    """Return the project of that name, whatever its case: SQLite's own `lower` knows A to Z only."""
    same = (identifier for identifier, known in names(tx).items() if known.casefold() == name.casefold())
    identifier = next(same, None)
    return None if identifier is None else get(tx, identifier)


def page(tx: Reader, *, limit: int, cursor: str | None) -> Page[Project]:
    return rows.page(tx, select(_T), _T, _make, limit=limit, cursor=cursor)


def remove(tx: Writer, identifier: str) -> None:
    tx.execute(delete(_T).where(_T.c.id == identifier))


def names(tx: Reader) -> dict[str, str]:
    """Return every project's name by id (there are few)."""
    return {row.id: row.name for row in tx.execute(select(_T.c.id, _T.c.name))}


def uses(tx: Reader, identifier: str) -> dict[str, int]:
    """Return how many jobs, models and datasets belong to a project."""
    tables = {"jobs": schema.jobs, "models": schema.models, "datasets": schema.datasets}
    return {
        name: tx.scalar(select(func.count()).select_from(table).where(table.c.project == identifier)) or 0
        for name, table in tables.items()
    }
