"""Parquet files, batch by batch: numbers and texts as they are, decimals and moments as text, nested values as JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.data import rules
from app.data.imports import tables
from app.data.imports.container import (
    Container,
    ImportLimits,
    Notes,
    Recognition,
    Refused,
    Rows,
    Sample,
    listed,
    unreadable,
)
from app.data.marked_columns import ABSENT, Marks
from app.data.rules import Issue
from app.data.visible import visible
from app.kit.progress import passed
from app.kit.sentences import ended

_MAGIC = b"PAR1"
_BATCH = 500  # rows
_EXACT = 2**53  # the largest whole number up to which a float64 holds all
_AGAIN = "Write the file again, for example with pandas' to_parquet, or export its rows as JSONL."


def recognise(sample: Sample) -> Recognition | None:
    """Tell it by its first bytes."""
    return Recognition(confidence=0.99, words="Parquet") if sample.head.startswith(_MAGIC) else None


def read(path: Path, found: Recognition, limits: ImportLimits, notes: Notes) -> Iterator[Rows]:
    """Give the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    del found, limits
    try:
        with pq.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=1 << 20) as file:
            if not len(file.schema_arrow.names):
                return
            yield from _Reader(file, notes).rows(path.stat().st_size)
    except (pa.ArrowException, OSError, ValueError) as error:
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise unreadable(f"The Parquet file cannot be read to its end: {visible(first)}", _AGAIN) from error


class _Reader:
    """One pass over a file."""

    def __init__(self, file: Any, notes: Notes) -> None:  # noqa: ANN401 -- pyarrow has no types
        self._file, self._notes = file, notes
        self._bytes: set[str] = set()  # columns that hold bytes
        self._rounded: set[str] = set()
        self._no_numbers: Counter[str] = Counter()  # NaN and infinities by column
        self._marks = Marks(file.schema_arrow.names, orjson.Fragment)
        self._absent = _absent(file.schema_arrow.metadata)

    def rows(self, size: int) -> Iterator[Rows]:
        """Yield the rows, a batch of them at a time; each has its part of the file's `size`."""
        each = size / max(self._file.metadata.num_rows, 1)
        tables.note_marks(self._marks, self._notes)
        for batch in self._file.iter_batches(batch_size=_BATCH, use_threads=False):
            columns = {}
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if name not in self._bytes and (values := self._values(name, column)) is not None:
                    columns[name] = values
            if not columns:
                raise Refused(Issue(rules.UNREADABLE, "Every column of the file holds bytes, not texts.", fix=_AGAIN))
            names = tuple(columns)
            rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            if self._marks or self._absent:
                rows = [*map(self._row, rows)]
            lines = [self._line(row) for row in rows]
            passed(len(lines) * each)
            yield Rows(b"".join(lines), len(lines))
        for found, rule, message in (
            (self._bytes, rules.LEFT_OUT, "Columns that hold bytes were left out: {}"),
            (
                self._rounded,
                rules.ROUNDED,
                "Whole numbers above 2^53 stand as floats, so the file has rounded them: {}",
            ),
        ):
            if found:
                self._notes.append(Issue(rule, ended(message.format(listed(sorted(map(visible, found)))))))
        if self._no_numbers:
            counts = [f"{visible(name)} ({count:,})" for name, count in sorted(self._no_numbers.items())]
            self._notes.append(Issue(rules.NULLED, f"NaN and infinities stand as null, by column: {listed(counts)}."))

    def _values(self, name: str, column: Any) -> list[Any] | None:  # noqa: ANN401 -- as above
        """Return a column's values; None where they are bytes."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from app.data.imports.arrow_values import values

        if isinstance(column.type, pa.JsonType | pa.UuidType):
            return values(column)
        if isinstance(column.type, pa.BaseExtensionType):
            column = column.storage
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = column.dictionary_decode()
            kind = column.type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            try:
                return list(column.cast(pa.large_string()).to_pylist())
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                self._bytes.add(name)
                return None
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            texts = pc.strftime(column, "%Y-%m-%dT%H:%M:%S" if kind.tz is None else "%Y-%m-%dT%H:%M:%S%z")
            return list(texts.to_pylist())
        if nulled := _not_finite(column):
            self._no_numbers[name] += nulled
        if pa.types.is_floating(kind):
            most = pc.max(pc.abs(column.cast(pa.float64()))).as_py()
            if most is not None and _EXACT < most < float("inf"):
                self._rounded.add(name)
        return values(column)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row without the nulls that say that a field is not there, and with the values of marked columns."""
        for name in self._absent.columns:
            if row.get(name) is None:
                row.pop(name, None)
        for name, fields in self._absent.fields.items():
            value = row.get(name)
            row |= {name: [_present(each, fields) for each in value]} if isinstance(value, list) else {}
            row |= {name: _present(value, fields)} if isinstance(value, dict) else {}
        return self._marks.row(row) if self._marks else row

    @staticmethod
    def _line(row: dict[str, Any]) -> bytes:
        try:
            return orjson.dumps(row, default=_as_text, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
        except orjson.JSONEncodeError as error:
            raise ValueError(f"a value cannot be written as JSON ({error})") from error


def _present(value: object, fields: frozenset[str]) -> object:
    if not isinstance(value, dict):
        return value
    return {name: each for name, each in value.items() if each is not None or name not in fields}


@dataclass(frozen=True, slots=True)
class _Absent:
    """Where a null is a field that is not there: columns, and fields of the objects in a column."""

    columns: Sequence[str] = ()
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.columns or self.fields)


def _absent(metadata: Mapping[bytes, bytes] | None) -> _Absent:
    """Return what a file that was written here says of its nulls."""
    try:
        named = orjson.loads((metadata or {}).get(ABSENT, b"[]"))
        columns = [str(column) for column, *inner in named if not inner]
        fields: dict[str, set[str]] = {}
        for column, *inner in named:
            fields.setdefault(str(column), set()).update(map(str, inner))
    except (ValueError, TypeError):
        return _Absent()
    return _Absent(columns, {column: frozenset(inner) for column, inner in fields.items() if inner})


def _not_finite(column: Any) -> int:  # noqa: ANN401 -- as above
    """Return how many numbers of a column, nested ones too, JSON cannot write."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_floating(kind):
        finite = pc.sum(pc.is_finite(column.cast(pa.float64()))).as_py() or 0
        return int(len(column) - column.null_count - finite)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _not_finite(column.flatten())
    if pa.types.is_struct(kind):
        return sum(map(_not_finite, column.flatten()))
    return 0


def _as_text(value: object) -> object:
    """Return what JSON has no kind for: decimals and spans as text, pairs of a map as a list."""
    if isinstance(value, Decimal | UUID | timedelta):
        return str(value)
    if isinstance(value, bytes):
        raise TypeError("bytes inside a nested column")
    raise TypeError(type(value).__name__)


CONTAINER = Container(name="parquet", unit="", recognise=recognise, rows=read, packs=True)
