"""Every shape of rows out in every format and in again: the same values, and the same rows for a training.

What test_exports.py asks of rows of any kind is asked here of the rows that are trained on, cell by cell of the matrix.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.convert import write_canonical
from app.data.exports.columns import MAX_CELL, Unfit
from app.data.formats.registry import FORMATS, format_of
from app.domain.downloads import DownloadFormat
from app.domain.errors import Invalid
from tests.support.there_and_back import back, out, values

Row = dict[str, Any]
ODD = [
    "NA",
    "null",
    "007",
    "-5",
    "=1+1",
    "+49 30 1",
    "@x",
    '"',
    "[]",
    "{}",
    "a|b;,",
    "\r\n",
    "_x000D_",
    "\ufeffx",
    "<b>&",
]
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(ODD)
numbers = st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False)


def turn(role: str) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries({"role": st.just(role), "content": texts})


learned = st.fixed_dictionaries({"role": st.just("assistant"), "content": texts}, optional={"weight": st.just(1)})
call = st.fixed_dictionaries(
    {
        "id": texts,
        "type": st.just("function"),
        "function": st.fixed_dictionaries(
            {"name": texts, "arguments": st.dictionaries(texts, numbers, max_size=2) | st.just('{"a": 1.10}')}
        ),
    }
)
calling = st.fixed_dictionaries(
    {
        "role": st.just("assistant"),
        "content": st.none(),
        "tool_calls": st.lists(call, min_size=1, max_size=2),
    }
)
tool = st.fixed_dictionaries(
    {
        "type": st.just("function"),
        "function": st.fixed_dictionaries(
            {"name": texts, "parameters": st.dictionaries(texts, st.none() | texts | numbers, max_size=2)}
        ),
    }
)
tools = st.lists(tool, min_size=1, max_size=2)
asked = st.tuples(turn("user")).map(list) | st.tuples(turn("system"), turn("user")).map(list)
answer = st.tuples(turn("assistant")).map(list)


def said(speaker: str) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries({"from": st.just(speaker), "value": texts})


SHAPES: Mapping[str, st.SearchStrategy[Row]] = {
    "chat": st.fixed_dictionaries(
        {"messages": st.tuples(asked, learned).map(lambda parts: [*parts[0], parts[1]])},
        optional={"system": texts, "id": numbers},
    ),
    "chat/tools": st.fixed_dictionaries(
        {"messages": st.tuples(turn("user"), calling).map(list)}, optional={"tools": tools}
    ),
    "prompt_completion": st.fixed_dictionaries({"prompt": texts, "completion": texts}, optional={"id": numbers}),
    "message_pair": st.fixed_dictionaries({"prompt": asked, "completion": answer}),
    "text": st.fixed_dictionaries({"text": texts}),
    "preference": st.fixed_dictionaries({"prompt": texts, "chosen": texts, "rejected": texts}),
    "preference/messages": st.fixed_dictionaries({"prompt": asked, "chosen": answer, "rejected": answer}),
    "sharegpt": st.fixed_dictionaries(
        {"conversations": st.tuples(said("human"), said("gpt")).map(list)}, optional={"system": texts}
    ),
    "sharegpt_preference": st.fixed_dictionaries(
        {"conversations": st.tuples(said("human")).map(list), "chosen": said("gpt"), "rejected": said("gpt")}
    ),
    "alpaca": st.fixed_dictionaries(
        {"instruction": texts, "output": texts},
        optional={"input": texts, "history": st.lists(st.tuples(texts, texts).map(list), max_size=2)},
    ),
    "labelled": st.fixed_dictionaries({"text": texts, "label": texts | st.integers(0, 9) | st.booleans()}),
    "ground_truth": st.fixed_dictionaries({"text": texts, "ground_truth": texts}),
}
KINDS = sorted({each.rows for each in DownloadFormat})


def written(rows: list[Row]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def canonical(content: bytes) -> list[Row] | str:
    """Return the rows that a training is given, or why there are none; the order of a message's fields is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        file, made = Path(folder) / "rows", Path(folder) / "made"
        file.write_bytes(content)
        try:
            write_canonical(file, made)
        except Invalid as error:
            return str(error)
        return values(made.read_bytes())


def nothing_is_lost(rows: list[Row], wanted: DownloadFormat) -> None:
    content = written(rows)
    again = back(out(content, wanted), wanted)
    assert values(again) == values(content)
    assert canonical(again) == canonical(content)


def test_no_format_that_is_trained_on_is_without_a_shape() -> None:
    assert {name.partition("/")[0] for name in SHAPES} == {each.name for each in FORMATS if each.convert is not None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_nothing_of_a_training_is_lost(shape: str, kind: str, data: st.DataObject) -> None:
    whole_matrix(shape, kind, data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_nothing_of_many_trainings_is_lost(shape: str, kind: str, data: st.DataObject) -> None:
    whole_matrix(shape, kind, data)


def whole_matrix(shape: str, kind: str, data: st.DataObject) -> None:
    """Draw rows of a shape, and one of the ways in which a kind is packed."""
    rows = data.draw(st.lists(SHAPES[shape], min_size=1, max_size=4))
    assert {format_of(row).name for row in rows} == {shape.partition("/")[0]}
    nothing_is_lost(rows, data.draw(st.sampled_from([each for each in DownloadFormat if each.rows == kind])))


@pytest.mark.parametrize("kind", KINDS)
def test_the_one_cell_that_is_refused_is_a_workbooks_and_says_why(kind: str) -> None:
    """Excel cuts a text of more than 32,767 characters; every other format holds it."""
    rows: list[Row] = [{"prompt": "p", "completion": "c"}, {"prompt": "p", "completion": "x" * (MAX_CELL + 1)}]
    if kind != "xlsx":
        nothing_is_lost(rows, DownloadFormat(kind))
        return
    with pytest.raises(Unfit) as caught:
        out(written(rows), DownloadFormat.XLSX)
    assert caught.value.message.startswith("Line 2 has ")
    assert "Parquet" in caught.value.fix
