"""Rows as Parquet, a row group at a time: columns of one kind have its type, all others are JSON texts and marked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from app.data.exports.columns import Column, Columns, RawRow, raw_rows, text_of
from app.data.exports.nested import Leaf
from app.data.marked_columns import ABSENT, MARK, marked_name
from app.kit.forward import ForwardFile

_GROUP_BYTES = 8 << 20  # of rows as JSON
_GROUP_ROWS = 32_768


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a field becomes a column: its name there, Arrow's type, and what makes a value of what JSON says."""

    field: str
    name: str
    type: Any
    value: Callable[[bytes], object]


def pieces(path: Path, found: Columns) -> Iterator[bytes]:
    """Yield a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    plans = [_plan(found, column) for column in found.columns]
    schema = pa.schema([(plan.name, plan.type) for plan in plans])
    schema = schema.with_metadata({ABSENT: orjson.dumps(_absent(found, plans))})
    out = ForwardFile()
    rows = raw_rows(path)
    with pq.ParquetWriter(pa.PythonFile(out, mode="w"), schema) as writer:
        while group := list(_group(rows)):
            columns = [pa.array(_values(plan, group), type=plan.type) for plan in plans]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            if made := out.take():
                yield made
    yield out.take()


def _group(rows: Iterator[RawRow]) -> Iterator[RawRow]:
    """Yield the rows of the next row group."""
    size = 0
    for row in islice(rows, _GROUP_ROWS):
        yield row
        size += sum(len(memoryview(value)) for value in row.values())
        if size > _GROUP_BYTES:
            return


def _values(plan: _Plan, group: Sequence[RawRow]) -> list[object]:
    field, value = plan.field, plan.value
    return [value(bytes(row[field])) if field in row else None for row in group]


def _plan(found: Columns, column: Column) -> _Plan:
    made = None if column.name.endswith(MARK) else _typed(found, column)
    if made is None:
        import pyarrow as pa

        return _Plan(column.name, marked_name(column.name), pa.string(), bytes.decode)
    return _Plan(column.name, column.name, *made)


def _typed(found: Columns, column: Column) -> tuple[Any, Callable[[bytes], object]] | None:
    """Return a type that holds a column's values as they are, None where there is none."""
    import pyarrow as pa

    kinds = column.kinds - {"null"}
    if len(kinds) != 1 or (column.rows < found.rows and "null" in column.kinds):
        return None
    kind = column.nested.shape() if kinds == {"nested"} else next(iter(kinds))
    if kind == "text":
        return pa.string(), _text
    types: dict[str, Callable[[], Any]] = {
        "whole": pa.int64,
        "real": pa.float64,
        "flag": pa.bool_,
        "texts": lambda: pa.list_(pa.string()),
        "object": lambda: _struct(column.nested.leaves()),
        "objects": lambda: pa.list_(_struct(column.nested.leaves())),
    }
    return (types[kind](), orjson.loads) if kind in types else None


def _struct(leaves: Sequence[Leaf]) -> Any:  # noqa: ANN401 -- pyarrow has no types
    import pyarrow as pa

    types = {"text": pa.string(), "whole": pa.int64(), "flag": pa.bool_()}
    return pa.struct([(leaf.name, types[leaf.kind]) for leaf in leaves])


def _text(raw: bytes) -> str | None:
    return None if raw == b"null" else text_of(raw)


def _absent(found: Columns, plans: Sequence[_Plan]) -> list[list[str]]:
    """Return the columns, and the fields in columns of objects, in which a null is a field that a row has not got."""
    made = list[list[str]]()
    for column, plan in zip(found.columns, plans, strict=True):
        if plan.name != column.name:
            continue  # a marked column says so by itself
        if column.rows < found.rows:
            made.append([plan.name])
        if column.nested.seen:
            made += [[plan.name, leaf.name] for leaf in column.nested.leaves() if leaf.absent]
    return made
