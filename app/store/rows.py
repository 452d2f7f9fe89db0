"""What every noun's queries share: insert, change, look up, and pages by keyset."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Row, Select, Table, insert, select, tuple_, update

from app.kit.paging import Page, decode_cursor, encode_cursor
from app.store.columns import from_microseconds, to_microseconds
from app.store.database import BY, Reader, Writer

T = TypeVar("T")


def add(tx: Writer, table: Table, values: Mapping[str, Any]) -> None:
    """Insert one row, with who made it where the table says so."""
    made = {"created_by": by(tx)} if "created_by" in table.c else {}
    tx.execute(insert(table).values(made | dict(values)))


def by(tx: Writer) -> str:
    """Return the id of the actor whose transaction it is; "" where nobody acts."""
    return str(tx.get_execution_options().get(BY, ""))


def change(tx: Writer, table: Table, identifier: str, values: Mapping[str, Any]) -> int:
    """Update one row by id; return how many rows that were (0 or 1)."""
    return tx.execute(update(table).where(table.c.id == identifier).values(dict(values))).rowcount


def page(
    tx: Reader,
    query: Select[Any],
    table: Table,
    make: Callable[[Row[Any]], T],
    *,
    limit: int,
    cursor: str | None,
    order: tuple[str, bool] = ("created_at", True),
    values: Mapping[str, Any] | None = None,
) -> Page[T]:
    """Return one page of `query`, with the values of its open parameters.

    `order`: a moment, and whether it descends; rows of one moment stand by id.

    Raises:
        BadCursor: when the cursor is none of ours.
    """
    key, descending = order
    first = first_of(query, table, limit + 1, cursor=cursor, key=key, descending=descending)
    rows = tx.execute(first, dict(values or {})).all()
    items = [make(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items)
    last = rows[limit - 1]
    moment: datetime = getattr(last, key)
    return Page(items, encode_cursor(to_microseconds(moment), str(last.id)))


def first_of(
    query: Select[Any], table: Table, most: int, *, cursor: str | None, key: str, descending: bool
) -> Select[Any]:
    """Return a query for the first so many rows behind a cursor, ordered by the moment `key`, then id.

    Raises:
        BadCursor: when the cursor is none of ours.
    """
    column, identifier = table.c[key], table.c.id
    position = decode_cursor(cursor, int, str)
    if position is not None:
        after = tuple_(from_microseconds(int(position[0])), str(position[1]), types=[column.type, identifier.type])
        sort_key: ColumnElement[Any] = tuple_(column, identifier)
        query = query.where(sort_key < after if descending else sort_key > after)
    return _ordered(query, table, key, most, descending=descending)


def cursor_at(tx: Reader, table: Table, identifier: str, key: str = "created_at") -> str | None:
    """Return the cursor of the page that begins behind a row; None where there is no such row."""
    moment: datetime | None = tx.scalar(select(table.c[key]).where(table.c.id == identifier))
    return None if moment is None else encode_cursor(to_microseconds(moment), identifier)


def numbered_page(
    tx: Reader,
    query: Select[Any],
    number: Column[int],
    make: Callable[[Row[Any]], T],
    *,
    limit: int,
    cursor: str | None,
    descending: bool = False,
) -> Page[T]:
    """Return one page of `query`, ordered by a column of whole numbers, each of which stands there once.

    Raises:
        BadCursor: when the cursor is none of ours.
    """
    position = decode_cursor(cursor, int)
    if position is not None:
        query = query.where(number < position[0] if descending else number > position[0])
    found = tx.execute(query.order_by(number.desc() if descending else number).limit(limit + 1)).all()
    following = encode_cursor(getattr(found[limit - 1], number.key)) if len(found) > limit else None
    return Page([make(row) for row in found[:limit]], following)


@lru_cache(maxsize=32)
def _ordered(query: Select[Any], table: Table, key: str, limit: int, *, descending: bool) -> Select[Any]:
    """Return the query, ordered; of one that is always the same the same, which SQLAlchemy knows again at once."""
    columns = (table.c[key], table.c.id)
    return query.order_by(*(column.desc() if descending else column for column in columns)).limit(limit)
