"""Every format in every kind of file that can hold it, by REST: what is trained is what the rows said."""

import io
import json
from collections.abc import Callable, Sequence

import openpyxl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from app.data.formats.registry import FORMATS, format_of
from app.data.imports.registry import CONTAINERS
from app.domain.jobs import Method
from tests.support.app_context import TestHouse
from tests.support.bringing import Bringing, canonical_rows, rows_of
from tests.support.format_samples import FLAT, TRAINED, UNTRAINED, Row, formats_of

Rows = Sequence[Row]


def as_json(rows: Rows) -> bytes:
    return json.dumps(list(rows), indent=1).encode()


def as_parquet(rows: Rows) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), out)
    return out.getvalue()


def as_csv(rows: Rows) -> bytes:
    out = io.BytesIO()
    pa_csv.write_csv(pa.Table.from_pylist([dict(row) for row in rows]), out)
    return out.getvalue()


def as_workbook(rows: Rows) -> bytes:
    book = openpyxl.Workbook()
    for at, row in enumerate([dict(zip(rows[0], rows[0], strict=True)), *rows], 1):
        for column, name in enumerate(rows[0], 1):
            cell = book.active.cell(at, column, row[name])
            if isinstance(row[name], str):
                cell.data_type = "s"  # openpyxl takes "=1+1" for a formula
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


KINDS: dict[str, Callable[[Rows], bytes]] = {
    "json": as_json, "parquet": as_parquet, "csv": as_csv, "xlsx": as_workbook,
}  # fmt: skip
NESTS = {"json", "parquet"}
CELLS = [(name, kind) for name in TRAINED for kind in KINDS if name in FLAT or kind in NESTS]


def test_no_format_and_no_kind_of_file_is_without_a_sample() -> None:
    """Give a new format its rows in tests/support/format_samples.py, and a new kind of file a writer here."""
    trained = {each.name for each in FORMATS if each.convert is not None}
    assert formats_of(TRAINED) == trained
    assert formats_of(UNTRAINED) == {each.name for each in FORMATS} - trained
    assert KINDS.keys() == {each.name for each in CONTAINERS}
    for name, rows in {**TRAINED, **UNTRAINED}.items():
        assert {format_of(row).name for row in rows} == {name.partition("/")[0]}


@pytest.mark.parametrize(("name", "kind"), CELLS)
def test_what_is_trained_is_what_the_rows_said(app_context: TestHouse, name: str, kind: str) -> None:
    bringing, rows = Bringing(app_context), TRAINED[name]
    brought = bringing.bring(KINDS[kind](rows), f"rows.{kind}")
    assert (brought.dataset["status"], brought.dataset["rows"]) == ("ready", len(rows)), brought.remedies
    assert rows_of(bringing.canonical(brought)) == canonical_rows(rows)
    prefers = "chosen" in canonical_rows(rows)[0]
    assert bringing.method(brought) is (Method.DPO if prefers else Method.SFT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", UNTRAINED)
def test_what_is_not_trained_on_says_what_to_do(app_context: TestHouse, name: str, kind: str) -> None:
    rows = UNTRAINED[name]
    brought = Bringing(app_context).bring(KINDS[kind](rows), f"rows.{kind}")
    assert brought.dataset["status"] == "rejected"
    assert brought.remedies["convert"] == format_of(rows[0]).remedy
