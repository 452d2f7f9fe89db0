"""Which jobs a list asks for, as conditions of its queries."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, exists, or_, select

from app.domain.jobs import JobStatus
from app.store import schema
from app.store.database import Reader

_T = schema.jobs
_M = schema.job_metadata
PROJECT, CONNECTION, _TEXT = "asked_project", "asked_connection", "asked_text"
Shape = tuple[bool, bool, bool, bool]
# Where a search looks beside the job itself; none of these depends on the job.
_NAMED = (
    (_T.c.project, schema.projects, ("name",)),
    (_T.c.training_dataset, schema.datasets, ("name", "filename")),
    (_T.c.fine_tuned_model, schema.models, ("name",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs; `query` is looked for in name, base model and id, and in the names of project, dataset and model.

    `metadata` are pairs that a job must have, all of them; without any pair, it must have none at all. Where `is_named`
    says that the text stands in no such name, which is usual, `named` is false, and no row is looked up for them.
    """

    statuses: Sequence[JobStatus] = ()
    project: str | None = None
    connection: str | None = None
    query: str | None = None
    named: bool = True
    metadata: Mapping[str, str] | None = None

    @property
    def shape(self) -> Shape:
        """Whether a project, a connection, a text in jobs alone and one in names, too, are asked for."""
        own, linked = bool(self.query) and not self.named, bool(self.query) and self.named
        return self.project is not None, self.connection is not None, own, linked

    @property
    def values(self) -> Mapping[str, str]:
        """The values of what `conditions` leaves open."""
        found = {PROJECT: self.project, CONNECTION: self.connection}
        if self.query:
            found[_TEXT] = _pattern(self.query)
        return {name: value for name, value in found.items() if value is not None}

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a row must fulfil, whatever its status, with `values`."""
        found = list(asking(self.shape))
        for key, value in (self.metadata or {}).items():
            found.append(_T.c.id.in_(select(_M.c.job).where(_M.c.key == key, _M.c.value == value)))
        if self.metadata is not None and not self.metadata:
            found.append(~exists().where(_M.c.job == _T.c.id))
        return found


def is_named(tx: Reader, query: str) -> bool:
    """Return whether a text stands in the name of a project, a dataset or a model."""
    return bool(tx.scalar(_IS_NAMED, {_TEXT: _pattern(query)}))


@cache
def asking(shape: Shape) -> Sequence[ColumnElement[bool]]:
    """Return the conditions of a shape, made once: to put them together costs as much as to ask them."""
    own = [_contains(column) for column in (_T.c.name, _T.c.base_model, _T.c.id)]
    linked = [column.in_(so_named) for (column, _table, _names), so_named in zip(_NAMED, _so_named(), strict=True)]
    here = (_T.c.project == bindparam(PROJECT), _T.c.connection == bindparam(CONNECTION))
    each = (*here, or_(*own), or_(*own, *linked))
    return [condition for condition, wanted in zip(each, shape, strict=True) if wanted]


def _pattern(query: str) -> str:
    return "%" + re.sub(r"[/%_]", r"/\g<0>", query) + "%"


def _contains(column: ColumnElement[str]) -> ColumnElement[bool]:
    # SQLite's LIKE ignores the case of ASCII letters, as lower() on both sides does at three times the cost.
    return column.like(bindparam(_TEXT), escape="/")


def _so_named() -> list[Select[tuple[str]]]:
    return [select(table.c.id).where(or_(*(_contains(table.c[name]) for name in names))) for _, table, names in _NAMED]


_IS_NAMED = select(or_(*(each.exists() for each in _so_named())))


@lru_cache(maxsize=32)
def where(query: Select[Any], shape: Shape) -> Select[Any]:
    """Return a query for what is usually asked; of the same one the same, which SQLAlchemy knows again at once."""
    return query.where(*asking(shape))
