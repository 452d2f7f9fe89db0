"""Tables and rows taken block by block: the same as row by row, whatever stands in them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.data.flat_rows import flat_rows
from app.data.imports.container import ImportLimits, Notes, Rows, Sample
from app.data.imports.delimited import read, recognise
from app.data.imports.even_rows import EvenRows, Taken
from app.data.mapping import write_mapped
from app.domain.mappings import ColumnMapping, FirstRow, Role

CELLS = ("", "a", "007", "NA", "9223372036854775809", "é", "日本", "x y", "\\", "\\n", "'", "{", "\x7f", "\u2028", "%b")
QUOTED = (*CELLS, '""', ",", "\n", "\r\n", ";", "\t", '"",""')
ODD = ('"', 'a"b', '"a"b', '"a', "\r", "\0", "\x01", "\udcff", "a,b", "\n", "\n\n", '"a""')
cells = st.lists(st.sampled_from(CELLS), max_size=3).map("".join) | st.lists(st.sampled_from(QUOTED), max_size=4).map(
    lambda parts: f'"{"".join(parts)}"'
)
rows = st.tuples(cells, cells).map(",".join)
odd_rows = st.lists(st.sampled_from(ODD) | cells, min_size=1, max_size=3).map(",".join)
ends = st.sampled_from(["\n", "\n", "\r\n"])


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A header and rows, a few of them odd, with one kind of line ends or with both."""
    end = draw(ends)
    lines = draw(st.lists(rows | rows | rows | odd_rows, min_size=1, max_size=12))
    both = draw(st.booleans())
    text = draw(st.sampled_from(["", "sep=,\n"])) + f"question,answer{end}"
    text += "".join(line + (draw(ends) if both else end) for line in lines)
    return text.encode("utf-8", "surrogateescape")[: None if draw(st.booleans()) else -1]


def _read(content: bytes, block_bytes: int) -> tuple[bytes, list[int], Notes] | None:
    with TemporaryDirectory() as folder:
        path, notes = Path(folder) / "t.csv", Notes()
        path.write_bytes(content)
        found = recognise(Sample(path=path, filename="t.csv", head=content))
        if found is None:
            return None
        made = list(read(path, found, ImportLimits(block_bytes=block_bytes), notes))
    assert [each.count for each in made] == [each.lines.count(b"\n") for each in made]
    return b"".join(each.lines for each in made), [line for each in made for line in each.positions], notes


@given(tables(), st.sampled_from([1, 7, 40, 1 << 19]))
@settings(max_examples=200, deadline=None)
@example(b'question,answer\r\n"a ""b""\r\nc",\\\r\n,""\r\n', 7)
@example(b'question,answer\n"a","b\n', 1)
@example(b'question,answer\n5" wide,b\n"c","d"\n', 1 << 19)
def test_a_table_in_blocks_is_what_csv_reads_row_by_row(content: bytes, block_bytes: int) -> None:
    alone = _read(content, 0)
    assume(alone is not None)
    assert _read(content, block_bytes) == alone


def test_a_long_row_and_many_columns_are_left_to_csv() -> None:
    names = [f"column {number}" for number in range(40)]
    wide = ",".join(names) + "\n" + ",".join("x" for _ in names) + "\n"
    long = 'question,answer\n"' + "x\n" * (3 << 20) + '",b\nc,d\n'
    for content in (wide.encode(), long.encode()):
        assert _read(content, 1 << 19) == _read(content, 0)


TEXTS = (
    "",
    "a",
    "é",
    "日本",
    "%b",
    r"\"",
    r"\\",
    r"\\\"",
    r"\n",
    r"\u00e9",
    r"\ud800",
    r"\x",
    "\\",
    '"',
    "\x01",
    "\udcff",
)
texts = st.lists(st.sampled_from(TEXTS), max_size=3).map("".join)
MAPPING = ColumnMapping(roles={"question": Role.USER, "answer": Role.ASSISTANT})


@pytest.mark.parametrize("first", list(FirstRow))
@given(st.lists(st.tuples(texts, texts, st.sampled_from(['"t"', "7", '{"answer":"x"}'])), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
@example([("a", r"\"b\"", '"t"'), (r"c\\", "", '"t"')])
def test_columns_mapped_in_blocks_are_those_mapped_line_by_line(
    first: FirstRow, rows: list[tuple[str, str, str]]
) -> None:
    mapping = ColumnMapping(roles=MAPPING.roles, first_row=first)
    made = list[bytes]()
    for space in ("", " "):  # with a space no line is taken but by itself
        lines = [f'{{"question":{space}"{q}","answer":"{a}","team":{team}}}\n' for q, a, team in rows]
        with TemporaryDirectory() as folder:
            path, out = Path(folder) / "rows", Path(folder) / "out"
            path.write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
            write_mapped(path, mapping, ["question", "answer", "team"], out)
            made.append(out.read_bytes().replace(b'{"question": "', b'{"question":"'))
    assert made[0] == made[1]


def test_regular_rows_never_become_cells() -> None:
    content = b'"a ""b""\r\nc",\\\r\n,"d"\r\n"cut'
    taken = EvenRows(["question", "answer"], ",").take(content, 1)
    lines = b'{"question":"a \\"b\\"\\r\\nc","answer":"\\\\"}\n{"question":"","answer":"d"}\n'
    assert taken == Taken(len(content) - len(b'"cut'), Rows(lines, 2, [2, 4]), 3)
    assert flat_rows(lines, ["question", "answer"]) is not None
