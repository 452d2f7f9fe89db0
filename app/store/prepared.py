"""Queries that every request asks: put into text once, and asked on the driver's own cursor.

What SQLAlchemy does around a statement costs several times what SQLite does for one that finds a row by its key.
"""

from functools import cached_property
from typing import Any, TypeAlias

from sqlalchemy import Select
from sqlalchemy.dialects import sqlite

Cells: TypeAlias = tuple[tuple[Any, ...], ...]  # rows as SQLite gives them
_DIALECT = sqlite.dialect()


class Prepared:
    """One query whose values are named (`bindparam`)."""

    def __init__(self, query: Select[Any]) -> None:
        self._query = query

    @cached_property
    def text(self) -> str:
        """The query as SQLite reads it, with a question mark for each of `names`."""
        return str(self._compiled)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the values, in the order in which the text wants them."""
        return tuple(self._compiled.positiontup or ())

    @cached_property
    def _compiled(self) -> Any:  # noqa: ANN401 -- SQLAlchemy's own
        return self._query.compile(dialect=_DIALECT)

    @cached_property
    def _converted(self) -> list[tuple[int, Any]]:
        columns = enumerate(self._query.selected_columns)
        made = ((at, column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)) for at, column in columns)
        return [(at, convert) for at, convert in made if convert is not None]

    def values(self, found: Cells) -> list[tuple[Any, ...]]:
        """Return rows with the values that the columns' types make of what the table holds."""
        rows = [list(row) for row in found]
        for row in rows:
            for at, convert in self._converted:
                row[at] = convert(row[at])
        return [tuple(row) for row in rows]
