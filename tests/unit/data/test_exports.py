"""Rows out in every format and in again: every value is what it was, as it was written."""

import csv
import io
from typing import Any

import msgspec
import openpyxl
import orjson
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.data.exports.columns import Unfit
from app.domain.downloads import DownloadFormat
from tests.support.there_and_back import back, out, values

PLAIN = (DownloadFormat.JSON, DownloadFormat.CSV, DownloadFormat.TSV, DownloadFormat.PARQUET, DownloadFormat.XLSX)
Rows = list[dict[str, Any]]


def jsonl(rows: Rows) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


TURNS = [{"role": "user", "content": "Où?\nнет"}, {"role": "assistant", "content": "- là\r\n- ici"}]
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.10}'}}
KINDS: dict[str, bytes] = {
    "chat": jsonl([{"messages": TURNS}, {"messages": [{"role": "system", "content": ""}, *TURNS]}]),
    "weights": jsonl([{"messages": [TURNS[0], {**TURNS[1], "weight": 0}]}, {"messages": TURNS}]),
    "tools": jsonl(
        [
            {"messages": TURNS, "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
            {"messages": [TURNS[0], {"role": "assistant", "content": None, "tool_calls": [CALL]}]},
        ]
    ),
    "pairs": jsonl([{"prompt": "=1+1", "completion": "+49 30"}, {"prompt": "-5", "completion": "- five"}]),
    "preference": jsonl([{"prompt": "p", "chosen": "a", "rejected": "@b"}] * 2),
    "messages": jsonl([{"prompt": TURNS[:1], "chosen": TURNS[1:], "rejected": []}]),
    "text": jsonl([{"text": "NA"}, {"text": ""}, {"text": "007"}, {"text": "2024-05-01"}, {"text": "null"}]),
    "alpaca": jsonl(
        [
            {"instruction": "Add", "input": "", "output": "'1", "history": [["a", "b"]]},
            {"instruction": "Add", "output": "1,5;\t|", "system": None},
        ]
    ),
    "numbers": b"".join(
        b'{"text":"a","id":%b,"flag":true,"score":%b}\n' % each
        for each in [(b"9223372036854775808", b"1.10"), (b"-0", b"1e5"), (b"007e1"[2:], b"-5"), (b"1", b"0.1")]
    ),
    "whole": b'{"text":"a","id":9223372036854775807,"part":0.5}\n{"text":"b","id":-5,"part":1e+300}\n',
    "characters": jsonl(
        [{"text": "\0\x0b\x1f\x7f\x85\ufeff\uffff\U0001f600"}, {"text": "_x0041_ \r"}, {"text": "\t=1"}]
    ),
    "names": jsonl([{"": "a", " b ": "c", "=d": "e", "f:json": "g", "h\n": "i", '"j"': "k", "é": "l", "7": "m"}]),
    "escaped": jsonl([{"_x0041_": "_x005F_", "a_x000D_": "_x000d_\n"}, {"_x0041_": "x005F_", "a_x000D_": "_x_"}]),
    "spaces": b'{"a": [1,\r\t{"b": "_x0041_"}], "b": "\\u00e9"}\n',
    "header": jsonl([{"text": "text"}, {"text": "text"}]),
    "empty": jsonl([{"a": "", "b": ""}, {"a": "", "b": ""}, {"a": "x", "b": ""}]),
    "objects": jsonl([{"meta": {"a": 1, "b": None}}, {"meta": {"a": 2, "b": "x"}}, {"meta": {}}]),
    "flat": jsonl([{"tags": ["a", ""], "meta": {"a": True}}, {"tags": [], "meta": {"a": False}}, {"tags": ["b"]}]),
}  # fmt: skip


@pytest.mark.parametrize("wanted", PLAIN)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_every_kind_come_back_as_they_were(kind: str, wanted: DownloadFormat) -> None:
    assert values(back(out(KINDS[kind], wanted), wanted)) == values(KINDS[kind])


@pytest.mark.parametrize("wanted", [each for each in DownloadFormat if each.packing])
def test_packed_files_come_back_as_they_were(wanted: DownloadFormat) -> None:
    assert values(back(out(KINDS["chat"], wanted), wanted)) == values(KINDS["chat"])


def test_json_lines_and_the_rows_of_an_array_keep_every_byte() -> None:
    content = b'\xef\xbb\xbf{"text": "a",  "n": 1.10}\r\n\n{"text":"\\u00e9"}'
    assert out(content, DownloadFormat.JSONL) == content
    assert out(content, DownloadFormat.JSON) == b'[\n{"text": "a",  "n": 1.10},\n{"text":"\\u00e9"}\n]\n'


USUAL = [
    "",
    "NA",
    "null",
    "true",
    "007",
    "-5",
    "+1",
    "=1+1",
    " =1",
    "@x",
    "\tx",
    "\r",
    '"',
    "'",
    "[]",
    "{}",
    "1e5",
    "a|b;,",
]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(USUAL)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
leaves = texts | numbers | st.booleans() | st.none()
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
fields = st.sampled_from(["text", "prompt", "completion", "messages", "id", "", "=x", "a:json", "b c", "1"]) | texts
messages = st.lists(st.fixed_dictionaries({"role": texts, "content": texts}, optional={"name": texts}), max_size=3)
any_row = st.dictionaries(fields, anything | messages, min_size=1, max_size=4)
rows_of_any_kind = st.lists(any_row, min_size=1, max_size=6)
rows_of_texts = st.lists(st.fixed_dictionaries({"prompt": texts, "completion": texts}), min_size=1, max_size=6)


def _written(rows: Rows) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def nothing_is_lost(rows: Rows, wanted: DownloadFormat) -> None:
    content = _written(rows)
    assert values(back(out(content, wanted), wanted)) == values(content)


property_of = given(rows=rows_of_any_kind | rows_of_texts, wanted=st.sampled_from(PLAIN))


@settings(max_examples=20, deadline=None)
@property_of
@example(rows=[{}, {"a": "x"}], wanted=DownloadFormat.CSV)
@example(rows=[{"text": "a\rb"}, {"text": "\rb"}], wanted=DownloadFormat.CSV)
def test_whatever_the_rows_are_nothing_is_lost(rows: Rows, wanted: DownloadFormat) -> None:
    nothing_is_lost(rows, wanted)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@property_of
def test_whatever_many_rows_are_nothing_is_lost(rows: Rows, wanted: DownloadFormat) -> None:
    nothing_is_lost(rows, wanted)


RISKY = ["=1+1", "+49 30 1", "-cmd", "@x", "\t=1", "\r=1", " =1", "\n=1", "\ufeff=1", "＝1", "-5", "+1.5", "plain"]
FORMULAS = ("=", "@", "\t", "\r", "＝", "-c", "+4")


def cells_of(content: bytes, delimiter: str) -> list[list[str]]:
    return [*csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter)]


@pytest.mark.parametrize(("wanted", "delimiter"), [(DownloadFormat.CSV, ","), (DownloadFormat.TSV, "\t")])
def test_no_cell_of_a_text_file_is_a_formula(wanted: DownloadFormat, delimiter: str) -> None:
    rows = [{"=field": text, "prompt": text} for text in RISKY]
    [names, *cells] = cells_of(out(jsonl(rows), wanted), delimiter)
    assert names == ['"=field":json', "prompt:json"]
    assert [row[1] for row in cells][-3:] == ['"-5"', "+1.5", "plain"]  # -5 would be read as a number
    for text in (cell for row in [names, *cells] for cell in row):
        assert not text.lstrip(" \ufeff\n").startswith(FORMULAS), text


def test_a_number_among_texts_is_no_formula() -> None:
    content = jsonl([{"prompt": "-5", "completion": "+1.5"}, {"prompt": "007", "completion": "NA"}])
    assert cells_of(out(content, DownloadFormat.CSV), ",") == [["prompt", "completion"], ["-5", "+1.5"], ["007", "NA"]]


def test_no_cell_of_a_workbook_is_a_formula_and_texts_stay_as_they_are() -> None:
    printable = [text for text in RISKY if text.isprintable()]
    content = out(jsonl([{"prompt": text} for text in printable]), DownloadFormat.XLSX)
    cells = [row[0] for row in openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].iter_rows()]
    assert [cell.value for cell in cells] == ["prompt", *printable]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.quotePrefix for cell in cells][1:5] == [True] * 4


def test_parquet_has_the_types_of_the_values() -> None:
    for kind in ("pairs", "chat"):
        table = pq.read_table(io.BytesIO(out(KINDS[kind], DownloadFormat.PARQUET)))
        assert table.to_pylist() == [orjson.loads(line) for line in KINDS[kind].splitlines()]
    whole = pq.read_table(io.BytesIO(out(KINDS["whole"], DownloadFormat.PARQUET)))
    assert [str(each.type) for each in whole.schema] == ["string", "int64", "double"]
    tools = pq.read_table(io.BytesIO(out(KINDS["tools"], DownloadFormat.PARQUET)))
    assert tools.schema.names == ["messages:json", "tools:json"]


@pytest.mark.parametrize(
    ("content", "wanted", "said"),
    [
        (b'{"a":"b"}\n{"a"\n', DownloadFormat.CSV, "Line 2 is not JSON"),
        (b'{"a":"b"}\n\n[1]\n', DownloadFormat.JSON, "Line 3 is no JSON object"),
        (b"{}\n", DownloadFormat.PARQUET, "no fields"),
        (b'{"a":"b"}\n{}\n', DownloadFormat.XLSX, "Line 2 has no fields"),
        (jsonl([{"a": "x" * 32_768}]), DownloadFormat.XLSX, "Line 1 has 32,770 characters in one field"),
        (jsonl([{str(number): 1} for number in range(1001)]), DownloadFormat.CSV, "Up to line 1,001"),
        (b'{"a":"' + b"x" * (9 << 20) + b'"}\n', DownloadFormat.CSV, "Line 1 has more than 8 MiB"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_anything_is_given(
    content: bytes, wanted: DownloadFormat, said: str
) -> None:
    with pytest.raises(Unfit) as caught:
        out(content, wanted)
    assert said in caught.value.message
    assert caught.value.fix.endswith(".")


def test_a_mark_is_none_where_two_columns_would_be_one_and_other_tables_stay_as_they_are() -> None:
    table = b"text,text:json\n1,2\n1,2\n"
    assert values(back(table, DownloadFormat.CSV))[0] == {"text": "1", "text:json": "2"}
    assert values(back(b"prompt,config\n{},[1]\n{},\n", DownloadFormat.CSV))[0] == {"prompt": "{}", "config": "[1]"}
