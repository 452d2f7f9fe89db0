"""Values as they were: numbers, dates and texts that look like either, in every format, to the row and into answers."""

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.data import numbers
from app.data.convert import write_canonical
from app.data.fixes import indented, on_one_line
from app.data.mapping import write_mapped
from app.domain.datasets import DatasetStatus
from app.domain.mappings import ColumnMapping, Role
from app.services.reading_in import read_in
from app.store.files import FileStore

# Numbers as they may be written in JSON, of which decoders make something else in silence.
WRITTEN = [
    "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "-9223372036854775809", "1" * 40, "-0", "-0.0", "1.10", "1e5", "1E+05", "100.0", "0.1", "1e-7",
    "3.141592653589793238462643383279", "12345678901234567.89", "5e-324", "1.7976931348623157e308",
]  # fmt: skip
TEXTS = [
    *WRITTEN,
    "007",
    "00",
    "+1",
    "1,5",
    "1.",
    "2024-05-01",
    "01/02/2024",
    "12:30",
    "NA",
    "null",
    "NaN",
    "TRUE",
    "1_0",
]


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path, upload_limit=1 << 22, disk_reserve=0)


def labelled(value: str) -> bytes:
    return b'{"text": "%b?", "label": %b, "id": %b}' % (value.encode().strip(b'"'), value.encode(), value.encode())


def jsonl(values: list[str]) -> bytes:
    return b"".join(labelled(value) + b"\n" for value in values)


def array(values: list[str]) -> bytes:
    return b'{"version": 1.0, "data": [\n%b\n]}' % b",\n".join(map(labelled, values))


@pytest.mark.parametrize(("name", "write"), [("rows.jsonl", jsonl), ("rows.json", array)])
def test_numbers_in_json_stay_as_they_are_written(
    files: FileStore, tmp_path: Path, name: str, write: Callable[[list[str]], bytes]
) -> None:
    """In the file that is kept, and in the answer that is learned."""
    done = read_in(files, files.store([write(WRITTEN)]), name)
    assert done.report is not None
    assert (done.report.status, done.report.errors) == (DatasetStatus.READY, 0)
    assert done.rows.path.read_bytes().splitlines() == [labelled(value) for value in WRITTEN]
    write_canonical(done.rows.path, tmp_path / "rows")
    rows = [orjson.loads(line) for line in (tmp_path / "rows").read_bytes().splitlines()]
    assert [row["messages"][1]["content"] for row in rows] == WRITTEN


def table(values: list[str]) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["text", "label"])
    rows.writerows([f"{value}?", value] for value in values)
    return out.getvalue().encode()


def parquet(values: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": [f"{value}?" for value in values], "label": values}), out)
    return out.getvalue()


def workbook(values: list[str]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["text", "label"])
    for value in values:
        book.active.append([f"{value}?", value])
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(("name", "write"), [("t.csv", table), ("t.parquet", parquet), ("t.xlsx", workbook)])
def test_texts_of_tables_stay_as_they_are_written(
    files: FileStore, tmp_path: Path, name: str, write: Callable[[list[str]], bytes]
) -> None:
    done = read_in(files, files.store([write(TEXTS)]), name)
    assert done.report is not None
    assert done.report.errors == 0
    rows = [orjson.loads(line) for line in done.rows.path.read_bytes().splitlines()]
    assert [row["label"] for row in rows] == TEXTS
    write_canonical(done.rows.path, tmp_path / "rows")
    answers = [orjson.loads(line)["messages"][1]["content"] for line in (tmp_path / "rows").read_bytes().splitlines()]
    assert answers == TEXTS


def test_numbers_of_columns_become_texts_as_they_are_written(tmp_path: Path) -> None:
    source, made = tmp_path / "source", tmp_path / "made"
    source.write_bytes(
        b"".join(b'{"q": "?", "a": %b, "id": %b}\n' % (each.encode(), each.encode()) for each in WRITTEN)
    )
    write_mapped(source, ColumnMapping(roles={"q": Role.PROMPT, "a": Role.COMPLETION}), ["q", "a", "id"], made)
    for line, value in zip(made.read_bytes().splitlines(), WRITTEN, strict=True):
        assert orjson.loads(line)["completion"] == value
        assert line.endswith(b'"id":%b}' % value.encode())


def test_numbers_in_tools_stay_as_they_are_written(tmp_path: Path) -> None:
    """They are part of what a training reads, as the schemas of tools and the arguments of calls."""
    path, messages = (
        tmp_path / "rows.jsonl",
        b'[{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]',
    )
    path.write_bytes(
        b"".join(b'{"messages": %b, "tools": [{"n": %b}]}\n' % (messages, each.encode()) for each in WRITTEN)
    )
    write_canonical(path, tmp_path / "rows")
    for line, value in zip((tmp_path / "rows").read_bytes().splitlines(), WRITTEN, strict=True):
        assert line.endswith(b'"tools":[{"n":%b}]}' % value.encode())


@pytest.mark.parametrize("value", WRITTEN)
def test_a_row_that_is_edited_keeps_its_other_numbers(value: str) -> None:
    line = f'{{"messages": "x", "id": {value}}}'
    again = on_one_line(indented(line).replace('"x"', '"y"'), line)
    number = json.loads(again, parse_int=str, parse_float=str)["id"]
    assert Decimal(number) == Decimal(value)
    assert number.startswith("-") == value.startswith("-")


def as_object(values: list[str]) -> str:
    inside = ",".join(f'"{number}":{value}' for number, value in enumerate(values))
    return f"{{{inside}}}"


VALUES = st.recursive(
    st.sampled_from(WRITTEN)
    | st.integers(-(10**60), 10**60).map(str)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30).map("{:f}".format),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: f"[{','.join(each)}]") | st.lists(inner, max_size=3).map(as_object)
    ),
    max_leaves=6,
)


@given(VALUES)
def test_whatever_is_read_is_written_again(text: str) -> None:
    value: Any = numbers.loads(text.encode())
    assert numbers.dumps(value).decode() == text
