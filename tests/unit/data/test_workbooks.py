"""Excel workbooks as XlsxWriter writes them, and as LibreOffice and others do: every cell is what Excel shows."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import orjson
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from app.data.imports.container import Refused
from app.data.imports.importing import Imported, Importer
from tests.support.workbooks.write import ANSWERS, FILES, MOMENTS, NAMES, NUMBERS, QUESTIONS

MADE = Path(__file__).parents[2] / "support" / "workbooks"
STRINGS, SHEET = "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TYPES = "[Content_Types].xml"
SHARED = (
    f'<Override PartName="/{STRINGS}" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
FLAGS, OTHERS = ("TRUE", "FALSE", "TRUE"), ("half bold, 日本", "ab", "")


def read(tmp_path: Path, content: bytes) -> tuple[list[Any], Imported]:
    (tmp_path / "brought").write_bytes(content)
    made = iter(tmp_path / f"made-{number}" for number in range(9))
    done = Importer(lambda: next(made)).run(tmp_path / "brought", "rows.xlsx")
    assert done is not None
    return [orjson.loads(line) for line in done.path.read_bytes().splitlines()], done


def by_hand(cells: str, strings: Sequence[str] = (), *, from_1904: bool = False) -> bytes:
    """Return a workbook with this sheet and these shared texts; style 1 is a day's, 2 a time's."""
    book = openpyxl.Workbook()
    if from_1904:
        book.epoch = CALENDAR_MAC_1904
    for at, form in ((1, "yyyy-mm-dd"), (2, "hh:mm:ss")):
        book.active.cell(1, at, 1).number_format = form
    out = io.BytesIO()
    book.save(out)
    shared = "".join(f"<si>{each}</si>" for each in strings)
    parts = {
        SHEET: f'{HEAD}<worksheet xmlns="{MAIN}"><dimension ref="A1"/><sheetData>{cells}</sheetData></worksheet>',
        STRINGS: f'{HEAD}<sst xmlns="{MAIN}">{shared}</sst>',
    }
    return replaced(out.getvalue(), parts)


def replaced(workbook: bytes, parts: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(out, "w") as new:
        kept = {name: old.read(name).decode() for name in old.namelist()}
        kept[TYPES] = kept[TYPES].replace("</Types>", f"{SHARED}</Types>")
        for name, content in {**kept, **parts}.items():
            new.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_every_cell_is_that_which_xlsxwriter_was_given(tmp_path: Path, name: str) -> None:
    rows, made = read(tmp_path, (MADE / name).read_bytes())
    columns = (QUESTIONS, ANSWERS, map(str, NUMBERS), MOMENTS, FLAGS, OTHERS)
    assert rows == [dict(zip(NAMES, row, strict=True)) for row in zip(*columns, strict=True)]
    assert (made.kind, made.notes) == ("xlsx", ())


def test_texts_are_those_that_excel_shows(tmp_path: Path) -> None:
    """A character that XML does not hold is escaped, and so is what looks like an escape (ECMA-376, ST_Xstring)."""
    written = {
        "<t>a_x000D_\nb</t>": "a\r\nb",
        "<t>_x005F_x000D_</t>": "_x000D_",
        "<t>_xD83D__xDE00_ x005F_</t>": "\U0001f600 x005F_",
        '<r><t>rich </t></r><r><rPr><b/></rPr><t xml:space="preserve"> text</t></r>': "rich  text",
        '<t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/>': "東京",
        "<t>_x12_ _x_</t>": "_x12_ _x_",
    }
    header = '<row r="1"><c r="A1" t="inlineStr"><is><t>question</t></is></c></row>'
    shared = "".join(f'<row><c t="s"><v>{number}</v></c></row>' for number in range(len(written)))
    inline = "".join(f'<row><c t="inlineStr"><is>{each}</is></c></row>' for each in written)
    rows, _ = read(tmp_path, by_hand(header + shared + inline, list(written)))
    assert [row["question"] for row in rows] == [*written.values()] * 2


def test_what_other_programs_leave_out_and_put_in(tmp_path: Path) -> None:
    """No addresses of cells, rows left out, a size that is wrong, formatted rows far below the last one."""
    cells = (
        '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="inlineStr"><is><t>note</t></is></c></row>'
        '<row r="4"><c r="A4" t="str"><f>1+1</f><v>007</v></c><c r="C4"><v>0.1</v></c></row>'
        '<row r="5"><c r="A5" t="b"><v>1</v></c><c r="B5" t="e"><v>#N/A</v></c><c r="C5"><v>1E3</v></c></row>'
        '<row r="50000"><c r="A50000" s="1"/></row>'
    )
    rows, made = read(tmp_path, by_hand(cells, ["<t>question</t>", "<t>answer</t>"]))
    assert rows == [
        {"question": "007", "answer": "", "note": "0.1"},
        {"question": "TRUE", "answer": "#N/A", "note": "1000"},
    ]
    assert [made.positions.of(row) for row in (1, 2)] == [4, 5]


@pytest.mark.parametrize("from_1904", [False, True])
def test_days_are_counted_as_the_workbook_says(tmp_path: Path, from_1904: bool) -> None:
    cells = (
        '<row><c t="inlineStr"><is><t>question</t></is></c><c t="inlineStr"><is><t>answer</t></is></c></row>'
        '<row><c s="1"><v>43951</v></c><c s="2"><v>0.5</v></c></row>'
        '<row><c t="d" s="1"><v>2024-05-01T00:00:00</v></c><c t="str"><v>43951</v></c></row>'
    )
    rows, _ = read(tmp_path, by_hand(cells, from_1904=from_1904))
    first = "2024-05-01T00:00:00" if from_1904 else "2020-04-30T00:00:00"
    assert rows == [{"question": first, "answer": "12:00:00"}, {"question": "2024-05-01T00:00:00", "answer": "43951"}]


def test_a_text_that_is_not_there_makes_a_workbook_that_cannot_be_read(tmp_path: Path) -> None:
    cells = '<row><c t="inlineStr"><is><t>question</t></is></c></row><row><c t="s"><v>7</v></c></row>'
    with pytest.raises(Refused) as caught:
        read(tmp_path, by_hand(cells, ["<t>only one</t>"]))
    assert caught.value.issue.rule.id == "unreadable"
