"""Who sees what, held by the database: whoever may not see everything has connections on which only that exists.

On such a connection the name of a table means a temporary view of it, so that every query (lists, counts, searches,
joins, what somebody writes next year) finds what its actor may see and nothing else. What is hidden is not there.
Changes go to the tables themselves; triggers, temporary too, let through what the actor may change.

A thing belongs to a project. What belongs to none (an upload that was given none, a deployment of a base model) is its
maker's. The tables that are reached by a key of one of these alone (points of a series) have no view of their own.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial

from sqlalchemy import Connection, Engine, MetaData, Table, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.selectable import NamedFromClause

from app.domain.errors import Conflict, Forbidden

_SIGHT = "sight"
_REFUSED = "not yours to change"
_VISIBLE = "SELECT value FROM json_each(sight_visible())"
_FIRST = "sight_first()"
_CHANGEABLE = "SELECT value FROM json_each(sight_changeable())"
_PERSON = "sight_person()"
# Where a row says to which project it belongs; {0} is the row.
_PROJECT = {
    "projects": "{0}.id",
    "jobs": "{0}.project",
    "models": "{0}.project",
    "datasets": "{0}.project",
    "evaluations": "{0}.project",
    "deployments": "{0}.project",
    "drafts": "json_extract({0}.answers, '$.project')",
}
_ALWAYS_IN_ONE = {"projects", "jobs", "models"}
_OWN = ("sessions", "api_tokens")
# Rows that belong to a row of another table, by this column.
_PARTS = {
    "job_metadata": ("job", "jobs"),
    "openai_requests": ("job", "jobs"),
    "series": ("job", "jobs"),
    "checkpoints": ("job", "jobs"),
    "samples": ("job", "jobs"),
    "findings": ("dataset", "datasets"),
    "evaluation_rows": ("evaluation", "evaluations"),
}
# Of a statement that looks at everything whoever asks: to answer yes or no to a question about what is hidden.
EVERYTHING = {"schema_translate_map": {None: "main"}}
_CHANGE = re.compile(r"^(\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|UPDATE|DELETE\s+FROM)\s+)(\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class Sight:
    """What one person sees, and may change: their id and the ids of projects."""

    person: str
    visible: frozenset[str] = frozenset()
    changeable: frozenset[str] = frozenset()

    @cached_property
    def as_sql(self) -> tuple[str, str]:
        """Both sets as SQLite reads them."""
        return json.dumps(sorted(self.visible)), json.dumps(sorted(self.changeable))

    @cached_property
    def first(self) -> str | None:
        """One of the projects that are seen; None where there are none."""
        return min(self.visible, default=None)


def itself(table: Table, name: str) -> NamedFromClause:
    """Return a table without its view, under a name: for a query that joins its rows to one of a table that is seen."""
    return table.to_metadata(MetaData(), schema="main").alias(name)


NOBODY = "nobody"  # has made nothing: stands for a person of whom only projects are to be seen
_NOTHING = Sight(NOBODY)


def limited(engine: Engine, *, writes: bool) -> Engine:
    """Let an engine's connections show what the sight that is set on them lets through; nothing before one is."""
    event.listen(engine, "connect", _prepare)
    if writes:
        event.listen(engine, "before_cursor_execute", _to_the_tables, retval=True)
    event.listen(engine, "handle_error", _explain)
    return engine


@contextmanager
def through(connection: Connection, seen: Sight | None) -> Iterator[None]:
    """Look through a sight while the block runs; None stands for an engine that shows everything."""
    if seen is None:
        yield
        return
    connection.info[_SIGHT] = seen
    try:
        yield
    finally:
        connection.info[_SIGHT] = _NOTHING


def _prepare(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    info = entry.info
    info[_SIGHT] = _NOTHING
    make = connection.create_function
    make("sight_visible", 0, lambda: info[_SIGHT].as_sql[0])
    # Asked once a statement, as a constant would be: only between statements does it change.
    make("sight_first", 0, lambda: info[_SIGHT].first, deterministic=True)
    make("sight_changeable", 0, lambda: info[_SIGHT].as_sql[1])
    make("sight_person", 0, lambda: info[_SIGHT].person)
    cursor = connection.cursor()
    (only_reads,) = cursor.execute("PRAGMA query_only").fetchone()
    cursor.execute("PRAGMA query_only=OFF")  # temporary views are written, too
    for statement in _definitions():
        cursor.execute(statement)
    cursor.execute(f"PRAGMA query_only={only_reads}")
    cursor.close()


def _definitions() -> Iterator[str]:
    for table in _PROJECT:
        yield _view(table, _fits(table, table, _VISIBLE, _FIRST))
        yield from _triggers(table, partial(_fits, table, projects=_CHANGEABLE))
    for table, (column, of) in _PARTS.items():
        yield _view(table, _is_visible(of, f"{table}.{column}"))
    for table in _OWN:
        yield _view(table, _own(table))
        yield from _triggers(table, _own)
    yield _view("events", " OR ".join(_is_visible(of, "events.subject") for of in _PROJECT))
    for table in ("job_datasets", "job_counts"):
        yield _view(table, f"project IN ({_VISIBLE})")
    yield _view("column_mappings", f"project = '' OR project IN ({_VISIBLE})")


def _view(table: str, condition: str) -> str:
    return f"CREATE TEMP VIEW {table} AS SELECT * FROM main.{table} WHERE {condition}"  # noqa: S608 -- of constants


def _is_visible(table: str, identifier: str) -> str:
    """Return the condition that the reader sees the row of a table that has that id."""
    visible = _fits(table, "o", _VISIBLE, _FIRST)
    return f"EXISTS (SELECT 1 FROM main.{table} o WHERE o.id = {identifier} AND {visible})"  # noqa: S608 -- of constants


def _own(row: str) -> str:
    return f"{row}.person = {_PERSON}"


def _fits(table: str, row: str, projects: str, first: str = "") -> str:
    """Return the condition that a row is in one of the projects, or is its maker's and in none.

    `first` is one of the projects. Most people have one, and to compare with it costs half of a look into a set. `+`
    keeps the planner to the indexes that lists are sorted by.
    """
    project = _PROJECT[table].format(row)
    inside = f"{project} IN ({projects})" if not first else f"(+{project} = {first} OR +{project} IN ({projects}))"
    if table in _ALWAYS_IN_ONE:
        return inside
    return f"({inside} OR ({project} IS NULL AND {row}.created_by = {_PERSON}))"


def _triggers(table: str, fits: Callable[[str], str]) -> Iterator[str]:
    for act, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
        good = " AND ".join(f"coalesce({fits(row)}, 0)" for row in rows)
        yield (
            f"CREATE TEMP TRIGGER sight_{act.lower()}_{table} BEFORE {act} ON main.{table} "
            f"WHEN NOT ({good}) BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )


def _to_the_tables(
    _connection: Connection, _cursor: DBAPICursor, statement: str, parameters: object, *_more: object
) -> tuple[str, object]:
    """Let changes go to the tables: a view takes none, so that one whose form is unknown here fails."""
    return _CHANGE.sub(r"\1main.\2", statement, count=1), parameters


def _explain(context: ExceptionContext) -> None:
    said = str(context.original_exception)
    if said == _REFUSED:
        raise Forbidden(
            "You may not change this: it belongs to a project in which you only look on, or to somebody else.",
            fix="Ask an administrator of the project for the role of a member; with a token of one project, name that.",
        ) from context.original_exception
    if said.startswith(("FOREIGN KEY constraint failed", "UNIQUE constraint failed")):
        raise Conflict(
            "This is in use elsewhere, where you cannot see it; nothing was changed.",
            fix="Ask an administrator of this installation.",
        ) from context.original_exception
