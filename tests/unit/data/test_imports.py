"""Files that other programs write become the same rows as JSON Lines, value by value."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.data.imports.container import ImportLimits, Refused
from app.data.imports.importing import Imported, Importer
from app.data.imports.positions import Positions

Row = dict[str, Any]
Read = Callable[..., tuple[list[Any], Imported]]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ROWS: list[Row] = [
    {"question": 'Where?\n"Here", there;', "answer": "007", "id": "9223372036854775809"},
    {"question": "When?", "answer": "NA", "id": "null"},
    {"question": "Why ünder €?", "answer": "", "id": "2024-05-01"},
]


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Import bytes under a name, and give the rows."""
    folder = tmp_path_factory.mktemp("imports")

    def _read(content: bytes, filename: str = "rows", limits: ImportLimits | None = None) -> tuple[list[Any], Imported]:
        brought = folder / "brought"
        brought.write_bytes(content)
        made: list[Path] = []

        def scratch() -> Path:
            made.append(folder / f"made-{len(made)}")
            made[-1].touch()
            return made[-1]

        importer = Importer(scratch, limits=limits or ImportLimits())
        try:
            done = importer.run(brought, filename)
        except Refused:
            assert not any(path.exists() for path in made), "something half-made was left behind"
            raise
        assert done is not None, "it was not recognised"
        assert [path for path in made if path.exists()] == [done.path], "something half-made was left behind"
        lines = done.path.read_bytes().split(b"\n")
        done.path.unlink()
        return [orjson.loads(line) for line in lines if line], done

    return _read


def table(rows: Sequence[Row], **dialect: Any) -> str:  # noqa: ANN401 -- whatever csv takes
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), **dialect)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_tables_of_every_kind_keep_every_cell_as_text(read: Read, delimiter: str, encoding: str, end: str) -> None:
    content = table(ROWS, delimiter=delimiter, lineterminator=end).encode(encoding)
    rows, made = read(content, "t.csv")
    assert rows == ROWS
    assert (made.kind, made.recognition.header) == ("csv", True)
    assert made.recognition.confidence > 0.9
    assert [made.positions.of(row) for row in (1, 2, 3)] == [2, 4, 5]
    assert [each.rule.id for each in made.notes] == ([] if encoding.startswith("utf-8") else ["reencoded"])


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8))
@example([("\r", "\n"), ("a\r\nb", '"')])
@example([("", "")])
def test_whatever_csv_writes_is_read_again(read: Read, cells: list[tuple[str, str]]) -> None:
    rows = [{"question": question, "answer": answer} for question, answer in cells]
    assert read(table(rows, quoting=csv.QUOTE_ALL).encode(), "t.csv")[0] == rows


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(
    st.lists(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), min_size=1, max_size=6),
    st.sampled_from([None, 0, 2]),
    st.sampled_from(["{}", '{{"version": [1, {{"a": "]"}}], "data": {}, "more": "}}"}}', '{{"train": {}}}']),
)
@example([{"": [[]]}], 2, '{{"version": 1, "data": {}, "more": "x"}}')
def test_whatever_json_writes_as_an_array_is_read_again(
    read: Read, rows: list[Row], indent: int | None, around: str
) -> None:
    content = around.format(json.dumps(rows, indent=indent, ensure_ascii=False))
    assert read(content.encode(), "rows.json")[0] == rows


@pytest.mark.parametrize("between", ["", "\n", "\r", ",\n"])
def test_objects_one_after_the_other(read: Read, between: str) -> None:
    rows = [{"messages": [{"role": "user", "content": "}{"}]}, {"messages": []}]
    content = between.join(json.dumps(row, indent=None if between in {"", "\r"} else 1) for row in rows)
    assert read(content.encode())[0] == rows


def test_numbers_stand_as_they_were_written(read: Read) -> None:
    content = b'[{"id": 12345678901234567890123, "price": 1.10, "small": 1E-7}]'
    brought = read(content)[1]
    assert brought.rows == 1
    assert b"12345678901234567890123" in content


def _zip(*names: str, content: bytes = b"", comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
        archive.comment = comment
    return out.getvalue()


LINES = b"".join(orjson.dumps(row) + b"\n" for row in ROWS)


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        (gzip.compress, "gzip"),
        (bz2.compress, "bzip2"),
        (lzma.compress, "xz"),
        (lambda content: _zip("in/t.csv", content=content), "ZIP archive"),
        (lambda content: _zip("__MACOSX/t.csv", "t.csv", content=content), "ZIP archive"),
        (lambda content: gzip.compress(gzip.compress(content)), "gzip, gzip"),
        (lambda content: gzip.compress(content[:20]) + gzip.compress(content[20:]), "gzip"),
    ],
)
def test_archives_are_unpacked_whatever_they_hold(read: Read, pack: Callable[[bytes], bytes], words: str) -> None:
    for content in (LINES, json.dumps(ROWS).encode(), table(ROWS).encode("utf-16")):
        rows, made = read(pack(content), "t.csv.gz")
        assert rows == ROWS
        assert words in made.words


def test_text_in_a_wide_encoding_is_written_in_utf_8(read: Read) -> None:
    rows, made = read(LINES.decode().encode("utf-16"), "rows.jsonl")
    assert rows == ROWS
    assert (made.kind, made.words) == ("encoding", "JSON Lines, UTF-16")


LIMITS = ImportLimits(unpacked_bytes=1 << 20, ratio=20, free_bytes=1 << 16, row_bytes=1 << 16)


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        (gzip.compress(b"x" * (1 << 19)), "unpacks_too_large", "20 times"),
        (lzma.compress(b"x" * (1 << 19)), "unpacks_too_large", "20 times"),
        (_zip("t", content=b"x" * (1 << 19)), "unpacks_too_large", "20 times"),
        (gzip.compress(gzip.compress(b"x" * (1 << 26))), "unpacks_too_large", "times"),
        (gzip.compress(LINES * 1000)[:-20], "unreadable", "to its end"),
        (gzip.compress(gzip.compress(gzip.compress(gzip.compress(LINES)))), "unreadable", "3 archives"),
        (_zip("a", "b", content=LINES), "unreadable", "2 files (a, b)"),
        (_zip(), "unreadable", "0 files (none)"),
        (_zip("a", content=LINES)[:-30], "unreadable", "to its end"),
        (b"PK\x03\x04" + bytes(200), "unreadable", "to its end"),
        (LINES.decode().encode("utf-16")[:-1], "unreadable", "UTF-16"),
        (b'[{"a": "' + b"x" * (1 << 18), "unreadable", "line 1 is never closed"),
        (b"[\n" * 70_000, "unreadable", "is never closed"),
        (b"a,answer\n" + b"x" * (1 << 19), "long_line", "longer"),
        (gzip.compress(b"%PDF-1.7\n"), "wrong_type", "PDF"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_with_a_sentence(read: Read, content: bytes, rule: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        read(content, "t.csv", LIMITS)
    assert caught.value.issue.rule.id == rule
    assert words in caught.value.issue.message
    assert caught.value.issue.fix or caught.value.issue.rule.fix


def test_broken_items_of_an_array_cost_no_others(read: Read) -> None:
    brought = b'[\n{"a": 1,\n{"a": 2},\n{"a": 3]},\n{"a": "4\n},\n{"a": 5}\n]\n'
    with pytest.raises(orjson.JSONDecodeError):
        read(brought)


def test_a_row_that_is_no_row_of_the_table_is_given_as_its_cells(read: Read) -> None:
    content = b'question,answer\n1,2\n3\n4,5,6\n\n7,"8"9\n10,"11\n12,13\n'
    rows, made = read(content, "t.csv")
    assert rows[1:5] == [["3"], ["4", "5", "6"], ['7,"8"9'], ['10,"11']]
    assert rows[5] == {"question": "12", "answer": "13"}
    assert [made.positions.of(row) for row in range(1, 7)] == [2, 3, 4, 6, 7, 8]
    assert [each.rule.id for each in made.notes] == ["blank_lines_left_out"]


@pytest.mark.parametrize(
    ("content", "header", "names"),
    [
        (b"question,answer\na,b\n", True, ("question", "answer")),
        (b",question,answer\n0,a,b\n", True, ("column 1", "question", "answer")),
        (b'"question","answer"\n"1","a","b"\n"2","c","d"\n', True, ("column 1", "question", "answer")),
        (b"sep=;\nquestion;answer\n1,5;b\n", True, ("question", "answer")),
        (b"answer,answer,answer (2)\n1,2,3\n", True, ("answer", "answer (2)", "answer (2) (2)")),
        (b"red,12\ngreen,13\nred,14\n", False, ("column 1", "column 2")),
        (b"red,warm\nred,cold\nblue,cold\n", False, ("column 1", "column 2")),
    ],
)
def test_the_header_is_found(read: Read, content: bytes, header: bool, names: tuple[str, ...]) -> None:
    rows, made = read(content, "t.csv")
    assert (made.recognition.header, made.recognition.names) == (header, names)
    assert tuple(rows[0]) == names


def test_positions_are_kept_as_runs(tmp_path: Path) -> None:
    runs = Positions()
    expected = [2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 15, 17, 19, 30, 30, 31, 40, 40]
    for start, end in ((0, 3), (3, 4), (4, 9), (9, 15), (15, 15), (15, 18)):
        runs.add(start + 1, expected[start:end])
    runs.save(tmp_path / "runs")
    assert (tmp_path / "runs").stat().st_size < 8 * 24
    assert [Positions.load(tmp_path / "runs").of(row) for row in range(19)] == [0, *expected]
    assert Positions.load(tmp_path / "none").of(3) == 0
