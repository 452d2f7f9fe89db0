"""Frozen dataclasses to rows and back: which field stands in which column is said once, by the fields themselves.

A field stands in the column of its name. Words (enums), yes and no, and moments become what the table holds; every
other kind of value is JSON text. What differs from that is said where a mapper is made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy import Select, Table, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from app.kit.paging import Page
from app.store import codec, columns, rows
from app.store.database import Reader, Writer

T = TypeVar("T")
Convert = Callable[[Any], Any] | None  # None: as it is
Made = Mapping[str, tuple[Sequence[str], Callable[..., Any]]]

_AS_IT_IS = (str, int, float, bytes, datetime, date)
_NOTHING: Mapping[str, Any] = {}
# When the engine looks next at a row, and since when its tries fail: read here, written by leases alone.
LEASED: Made = {
    "next_look_at": (("due_at",), columns.from_seconds),
    "failing_since": (("failing_since",), lambda moment: moment),
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a row is read and written, worked out from the fields once."""

    query: Select[Any]
    one: Select[Any]  # of them, by its id; made once, as it is asked all the time
    decoders: Sequence[tuple[str, Convert]]  # by field, in the order of the columns
    builders: Sequence[tuple[str, slice, Callable[..., Any]]]  # of the columns behind those
    encoders: Sequence[tuple[str, str, Convert]]  # field and column
    copies: Sequence[tuple[str, Callable[[Any], Any]]]  # columns, and where in the value they are from


class Mapper(Generic[T]):
    """How one kind of value stands in one table, and the queries that every kind has."""

    def __init__(
        self,
        kind: type[T],
        table: Table,
        *,
        names: Mapping[str, str] = _NOTHING,
        spread: Sequence[str] = (),
        copies: Mapping[str, str] = _NOTHING,
        made: Made = _NOTHING,
    ) -> None:
        """Nothing is looked at before the first use.

        `names`: the column of a field that has another name. `spread`: fields whose own fields have a column each.
        `copies`: columns that repeat a part of a value for queries, by the dotted path to it. `made`: fields that are
        only read, from these columns by this function: who else writes them is not written over.
        """
        self.table, self._kind, self._names, self._spread = table, kind, names, spread
        self._copies, self._made = copies, made

    @cached_property
    def _plan(self) -> _Plan:
        hints = get_type_hints(self._kind)
        own = {name: tuple(each.name for each in fields(hints[name])) for name in self._spread}
        composed = {**self._made, **{name: (parts, _builder(hints[name], parts)) for name, parts in own.items()}}
        named = [each.name for each in fields(self._kind) if each.name not in composed]  # type: ignore[arg-type]
        plain = [(name, self._names.get(name, name), *_conversion(hints[name])) for name in named]
        cells = [column for _, column, _, _ in plain]
        builders = []
        for name, (parts, build) in composed.items():
            builders.append((name, slice(len(cells), len(cells) + len(parts)), build))
            cells += parts
        paths = {part: f"{name}.{part}" for name, parts in own.items() for part in parts}
        query = select(*(self.table.c[cell] for cell in cells))
        return _Plan(
            query=query,
            one=query.where(self.table.primary_key.columns[0] == bindparam("wanted")),
            decoders=[(name, decode) for name, _, decode, _ in plain],
            builders=builders,
            encoders=[(name, column, encode) for name, column, _, encode in plain],
            copies=[(column, attrgetter(path)) for column, path in {**paths, **self._copies}.items()],
        )

    @property
    def query(self) -> Select[Any]:
        """Every row, as `make` reads it."""
        return self._plan.query

    @property
    def width(self) -> int:
        """How many columns of a row `make` reads: values of several kinds may stand in one row, side by side."""
        return len(self._plan.query.selected_columns)

    def make(self, row: Sequence[Any]) -> T:
        """Return the value in a row of `query`."""
        plan = self._plan
        given = {
            name: cell if decode is None or cell is None else decode(cell)
            for (name, decode), cell in zip(plan.decoders, row, strict=False)
        }
        for name, cells, build in plan.builders:
            given[name] = build(*row[cells])
        return self._kind(**given)

    def values(self, value: T) -> dict[str, Any]:
        """Return a value as column values, without what is only read."""
        plan, given = self._plan, {}
        for name, column, encode in plan.encoders:
            part = getattr(value, name)
            given[column] = part if encode is None or part is None else encode(part)
        for column, read in plan.copies:
            given[column] = read(value)
        return given

    def add(self, tx: Writer, value: T, **more: Any) -> None:  # noqa: ANN401 -- column values
        """Insert a row, with the values of columns that no field is written to."""
        rows.add(tx, self.table, self.values(value) | more)

    def put(self, tx: Writer, value: T, **more: Any) -> None:  # noqa: ANN401 -- column values
        """Insert a row, or write over the one that has the same primary key."""
        given = self.values(value) | more
        statement = insert(self.table).values(given)
        tx.execute(statement.on_conflict_do_update(index_elements=list(self.table.primary_key), set_=given))

    def save(self, tx: Writer, value: T, **more: Any) -> None:  # noqa: ANN401 -- column values
        """Write a value over its row."""
        given = self.values(value) | more
        rows.change(tx, self.table, given["id"], given)

    def get(self, tx: Reader, identifier: str) -> T | None:
        """Return the value with that id, if there is one."""
        row = tx.execute(self._plan.one, {"wanted": identifier}).first()
        return None if row is None else self.make(row)

    def many(self, tx: Reader, identifiers: Sequence[str]) -> dict[str, T]:
        """Return values by their ids; those that are not there are left out."""
        return {row.id: self.make(row) for row in tx.execute(self.query.where(self.table.c.id.in_(identifiers)))}

    def first(self, tx: Reader, query: Select[Any]) -> T | None:
        """Return the first value of a query, if there is one."""
        row = tx.execute(query.limit(1)).first()
        return None if row is None else self.make(row)

    def all(self, tx: Reader, query: Select[Any]) -> list[T]:
        """Return every value of a query."""
        return [self.make(row) for row in tx.execute(query)]

    def by_age(self, tx: Reader, *conditions: Any) -> list[T]:  # noqa: ANN401 -- SQL expressions
        """Return the values that fit, oldest first.

        They are put in order here: asked for an order, SQLite would rather read a hundred thousand rows in that order
        than sort the few that fit.
        """
        return sorted(self.all(tx, self.query.where(*conditions)), key=attrgetter("created_at", "id"))

    def page(
        self,
        tx: Reader,
        query: Select[Any] | None = None,
        *,
        limit: int,
        cursor: str | None,
        key: str = "created_at",
        **equal: object,
    ) -> Page[T]:
        """Return one page of a query, newest first by the moment `key`; of `equal` columns those that are not None."""
        found = self.query if query is None else query
        for column, value in equal.items():
            found = found if value is None else found.where(self.table.c[column] == value)
        return rows.page(tx, found, self.table, self.make, limit=limit, cursor=cursor, order=(key, True))

    def set_goal(self, tx: Writer, identifier: str, goal: StrEnum, *, due_at: float, **more: Any) -> None:  # noqa: ANN401
        """Write what people want; the engine does the rest. The status is left alone."""
        rows.change(tx, self.table, identifier, {"goal": goal.value, "due_at": due_at, **more})

    def remove(self, tx: Writer, identifier: str) -> None:
        """Remove the row with that id."""
        tx.execute(delete(self.table).where(self.table.c.id == identifier))


def _builder(kind: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    return lambda *cells: kind(**dict(zip(names, cells, strict=True)))


def _conversion(hint: Any) -> tuple[Convert, Convert]:  # noqa: ANN401 -- a type hint
    """Return how a field of that type comes from its column, and goes there; None is None on both sides."""
    if get_origin(hint) is Mapping:
        return codec.decoder(dict.__class_getitem__(get_args(hint))), lambda value: codec.dump(dict(value))
    if get_origin(hint) is Sequence:
        return codec.decoder(tuple.__class_getitem__((*get_args(hint), ...))), codec.dump
    kinds = [each for each in get_args(hint) if each is not NoneType] or [hint]
    if all(issubclass(each, StrEnum) for each in kinds):
        return {word.value: word for each in kinds for word in each}.__getitem__, attrgetter("value")
    if kinds[0] is bool:
        return bool, int
    return (None, None) if kinds[0] in _AS_IT_IS else (codec.decoder(kinds[0]), codec.dump)
