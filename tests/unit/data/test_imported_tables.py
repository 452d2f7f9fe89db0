"""Parquet files and workbooks as the libraries write them that own these formats: every value as it was."""

import datetime as dt
import io
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from app.data.imports.container import ImportLimits, Refused
from app.data.imports.importing import Imported, Importer

COLUMNS: dict[str, pa.Array] = {
    "text": pa.array(["a\nü", "", None]),
    "wide": pa.array([2**64 - 1, 2**63, 0], pa.uint64()),
    "negative": pa.array([-(2**63), 2**63 - 1, None], pa.int64()),
    "decimal": pa.array([Decimal("1.10"), Decimal("-0.01"), None], pa.decimal128(20, 2)),
    "day": pa.array([dt.date(2024, 5, 1), None, dt.date(1, 1, 1)]),
    "moment": pa.array([0, 1, None], pa.timestamp("ns")),
    "zoned": pa.array([0, None, 1_700_000_000_000_000], pa.timestamp("us", "UTC")),
    "label": pa.array(["x", "y", "x"]).dictionary_encode(),
    "turns": pa.array([[{"role": "user", "content": "q"}], [], None]),
    "chunked": pa.array([b"text", "é".encode(), None], pa.binary()),
    "flag": pa.array([True, False, None]),
    "half": pa.array([0.5, 1e10, None]),
}
EXPECTED: list[dict[str, Any]] = [
    {"text": "a\nü", "wide": 2**64 - 1, "negative": -(2**63), "decimal": "1.10", "day": "2024-05-01",
     "moment": "1970-01-01T00:00:00.000000000", "zoned": "1970-01-01T00:00:00+00:00", "label": "x",
     "turns": [{"role": "user", "content": "q"}], "chunked": "text", "flag": True, "half": 0.5},
    {"text": "", "wide": 2**63, "negative": 2**63 - 1, "decimal": "-0.01", "day": None,
     "moment": "1970-01-01T00:00:00.000000001", "zoned": None, "label": "y", "turns": [], "chunked": "é",
     "flag": False, "half": 1e10},
    {"text": None, "wide": 0, "negative": None, "decimal": None, "day": "0001-01-01", "moment": None,
     "zoned": "2023-11-14T22:13:20+00:00", "label": "x", "turns": None, "chunked": None, "flag": None, "half": None},
]  # fmt: skip


def read(tmp_path: Path, content: bytes, limits: ImportLimits | None = None) -> tuple[list[Any], Imported]:
    brought = tmp_path / "brought"
    brought.write_bytes(content)
    made = iter(tmp_path / f"made-{number}" for number in range(9))
    done = Importer(lambda: next(made), limits=limits or ImportLimits()).run(brought, "table")
    assert done is not None
    return [orjson.loads(line) for line in done.path.read_bytes().splitlines()], done


def parquet(columns: dict[str, pa.Array], **options: Any) -> bytes:  # noqa: ANN401 -- whatever pyarrow takes
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zstd", "data_page_version": "2.0"}, {"use_dictionary": False, "row_group_size": 1}]
)
def test_parquet_keeps_every_value(tmp_path: Path, options: dict[str, Any]) -> None:
    rows, made = read(tmp_path, parquet(COLUMNS, **options))
    assert rows == EXPECTED
    assert (made.kind, made.words, made.rows, made.notes) == ("parquet", "Parquet", 3, ())


def test_columns_of_bytes_are_left_out_and_rounded_numbers_are_named(tmp_path: Path) -> None:
    columns = {"prompt": pa.array(["a"]), "image": pa.array([b"\xff\xd8"]), "total": pa.array([2.0**60])}
    rows, made = read(tmp_path, parquet(columns))
    assert rows == [{"prompt": "a", "total": 2.0**60}]
    assert {note.rule.id: note.message.split(": ")[1] for note in made.notes} == {
        "left_out": "image.",
        "rounded": "total.",
    }


def test_what_a_column_says_is_json_is_the_value_and_not_its_text(tmp_path: Path) -> None:
    texts = ['{"a": 1.10,\n "b": null}', " [] ", None, "not json"]
    ids = [UUID(int=number) for number in range(3)]
    calls = pa.ListArray.from_arrays([0, 2, 3], pa.array(['{"n": 1}', "2", None], pa.json_()))
    turns = pa.StructArray.from_arrays([pa.array(["assistant", "user"]), calls], ["role", "calls"])
    columns = {
        "tools": pa.array(texts, pa.json_()),
        "id": pa.array([*(each.bytes for each in ids), None], pa.uuid()),
        "turns": pa.ListArray.from_arrays([0, 1, None, 1, 2], turns),
        "more": pa.MapArray.from_arrays([0, 1, None, 1, 2], ["k", "k"], pa.array(["true", None], pa.json_())),
    }
    rows, made = read(tmp_path, parquet(columns))
    assert rows == [
        {"tools": {"a": 1.10, "b": None}, "id": str(ids[0]), "turns": [{"role": "assistant", "calls": [{"n": 1}, 2]}],
         "more": [["k", True]]},
        {"tools": [], "id": str(ids[1]), "turns": [], "more": []},
        {"tools": None, "id": str(ids[2]), "turns": None, "more": None},
        {"tools": "not json", "id": None, "turns": [{"role": "user", "calls": [None]}], "more": [["k", None]]},
    ]  # fmt: skip
    assert b"1.10" in made.path.read_bytes()
    assert made.notes == ()


MADE = Path(__file__).parents[2] / "support" / "parquet"
QUESTIONS = ["Where is it?\nüé日本", "", None]
TURN = {"role": "user", "content": "q"}
TURNS = [[TURN, {"role": "assistant", "content": "a"}], [], None]
MOMENTS = ["2024-05-01T12:30:01.000005", None, "1970-01-01T00:00:00"]
TYPED: dict[str, list[Any]] = {
    "question": QUESTIONS,
    "id": [2**63, 2**64 - 1, 0],
    "amount": ["1.10", "-0.01", None],
    "label": ["x", "y", "x"],
    "day": ["2024-05-01", None, "1999-12-31"],
    "score": [0.5, None, None],
}
WRITTEN: dict[str, dict[str, list[Any]]] = {
    "pandas": {
        **{name: TYPED[name] for name in ("question", "id", "label", "score")},
        "count": [1, None, 3],
        "moment": MOMENTS,
        "turns": TURNS,
        "__index_level_0__": ["first", "second", "third"],
    },
    "polars": {**TYPED, "moment": MOMENTS, "turns": TURNS, "scores": [[1.0, None], [None], None]},
    "duckdb": {**TYPED, "turns": [[TURN], [], None], "more": [[["a", 1]], [], None]},
}


@pytest.mark.parametrize(
    ("library", "nulled"), [("pandas", []), ("polars", ["score (1), scores (2)"]), ("duckdb", ["score (1)"])]
)
def test_every_value_is_that_which_its_library_wrote(tmp_path: Path, library: str, nulled: list[str]) -> None:
    rows, made = read(tmp_path, (MADE / f"{library}.parquet").read_bytes())
    assert rows == [{name: values[n] for name, values in WRITTEN[library].items()} for n in range(3)]
    assert [(note.rule.id, note.message.partition("by column: ")[2]) for note in made.notes] == [
        ("nulled", f"{each}.") for each in nulled
    ]


def test_json_and_ids_are_those_which_duckdb_wrote(tmp_path: Path) -> None:
    rows, made = read(tmp_path, (MADE / "duckdb-json.parquet").read_bytes())
    assert rows == [
        {"tools": [{"a": 1.10}], "id": str(UUID(int=1)), "calls": [{"n": 1}]},
        {"tools": None, "id": None, "calls": None},
    ]
    assert made.notes == ()


TABLES = MADE.parent / "tables"
CELLS: list[dict[str, str]] = [
    {"question": 'Where is "it"?\nüé日本, here; there', "answer": "007", "id": str(2**64 - 1), "amount": "1.10",
     "day": "2024-05-01", "flag": "True"},
    {"question": "NA", "answer": "", "id": str(2**63), "amount": "-0.01", "day": "1999-12-31", "flag": "False"},
    {"question": "null", "answer": "=1+1", "id": "0", "amount": "100", "day": "2000-01-01", "flag": "True"},
]  # fmt: skip


@pytest.mark.parametrize("name", ["with-index.csv", "utf-16.tsv", "semicolons.csv", "packed.csv.gz"])
def test_every_cell_is_that_which_pandas_wrote(tmp_path: Path, name: str) -> None:
    rows, made = read(tmp_path, (TABLES / name).read_bytes())
    index = [{"column 1": str(number)} if name == "with-index.csv" else {} for number in range(3)]
    assert rows == [{**number, **cells} for number, cells in zip(index, CELLS, strict=True)]
    assert made.kind == "csv"


@pytest.mark.parametrize("name", ["polars.csv", "polars-mark.tsv", "duckdb.csv", "duckdb.psv.gz"])
def test_every_cell_is_that_which_polars_and_duckdb_wrote(tmp_path: Path, name: str) -> None:
    rows, made = read(tmp_path, (TABLES / name).read_bytes())
    amounts = ["1.10", "-0.01", "100.00"]
    assert rows == [
        {**cells, "amount": amount, "flag": cells["flag"].lower(), "note": note}
        for cells, amount, note in zip(CELLS, amounts, ["", "", "x"], strict=True)
    ]
    assert (made.kind, made.notes) == ("csv", ())


@pytest.mark.parametrize("quoting", ["needed", "all_valid"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_cell_is_that_which_arrow_wrote(tmp_path: Path, quoting: str, delimiter: str) -> None:
    out, columns = io.BytesIO(), list(CELLS[0])
    table = pa.table({name: [row[name] for row in CELLS] for name in columns})
    pa_csv.write_csv(table, out, pa_csv.WriteOptions(quoting_style=quoting, delimiter=delimiter, batch_size=1))
    assert read(tmp_path, out.getvalue())[0] == CELLS


@pytest.mark.parametrize(
    "content", [b"PAR1" + bytes(40), parquet(COLUMNS)[:-30], parquet({"image": pa.array([b"\xff"])})]
)
def test_a_parquet_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read(tmp_path, content)
    assert caught.value.issue.rule.id == "unreadable"


def test_a_parquet_bomb_is_refused(tmp_path: Path) -> None:
    content = parquet({"text": pa.array(["x" * 1000] * 20_000)})
    with pytest.raises(Refused) as caught:
        read(tmp_path, content, ImportLimits(free_bytes=1 << 20, ratio=20))
    assert caught.value.issue.rule.id == "unpacks_too_large"


def workbook(*rows: list[Any], sheets: int = 1) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for _ in range(sheets - 1):
        book.create_sheet()
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_the_first_sheet_of_a_workbook_is_read_as_text(tmp_path: Path) -> None:
    content = workbook(
        ["question", "answer", "n", "day"],
        ["Where?\nHere?", "007", 7, dt.datetime(2024, 5, 1, tzinfo=None)],  # noqa: DTZ001 - a sheet has no zones
        [],
        ["NA", None, 1.5, True],
        [1234567890123456, "x", "#N/A", "=1+1"],
        sheets=2,
    )
    rows, made = read(tmp_path, content)
    assert rows[:2] == [
        {"question": "Where?\nHere?", "answer": "007", "n": "7", "day": "2024-05-01T00:00:00"},
        {"question": "NA", "answer": "", "n": "1.5", "day": "TRUE"},
    ]
    assert rows[2] == {"question": "1234567890123456", "answer": "x", "n": "#N/A", "day": ""}
    assert [made.positions.of(row) for row in (1, 2, 3)] == [2, 4, 5]
    assert [note.rule.id for note in made.notes] == ["left_out", "rounded"]


def test_a_workbook_that_is_broken_is_refused(tmp_path: Path) -> None:
    whole = workbook(["question", "answer"], ["a", "b"])
    at = whole.index(b"xl/worksheets/sheet1.xml") + 60
    with pytest.raises(Refused):
        read(tmp_path, whole[:at] + b"\xff" * 60 + whole[at + 60 :])
