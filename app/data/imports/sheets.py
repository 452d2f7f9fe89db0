"""The first sheet of an Excel workbook (.xlsx): every cell as text, numbers without the sheet's dress."""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import date, time
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

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
    batches,
    unreadable,
)
from app.data.limits import MIB
from app.data.marked_columns import Marks
from app.data.rules import Issue
from app.kit.progress import CountedFile, counted_as
from app.kit.sentences import ended

_ZIP = b"PK\x03\x04"
_BOOK = "xl/workbook.xml"
_SHEETS = "xl/worksheets/"
_MOST_BYTES = 512 * MIB  # of XML; texts that cells share are held in memory
_SAMPLE_ROWS = 100
_DIGITS = 10**15  # a spreadsheet keeps 15 digits of a number
_BROKEN = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    SyntaxError,
    zlib.error,
    zipfile.BadZipFile,
)
_AGAIN = "Save it again as an .xlsx workbook, or as CSV (UTF-8)."


def recognise(sample: Sample) -> Recognition | None:
    """Tell a workbook by what its archive holds."""
    if not sample.head.startswith(_ZIP):
        return None
    with suppress(zipfile.BadZipFile, OSError), zipfile.ZipFile(sample.path) as archive:
        if _BOOK in archive.namelist():
            return Recognition(confidence=0.99, words="Excel workbook", header=True)
    return None


def read(path: Path, found: Recognition, limits: ImportLimits, notes: Notes) -> Iterator[Rows]:
    """Give the rows of the first sheet with their numbers in it."""
    del found
    with zipfile.ZipFile(path) as archive:
        files = archive.infolist()
        size = sum(each.file_size for each in files)
        sheet_bytes = max((each.compress_size for each in files if each.filename.startswith(_SHEETS)), default=0)
        if size > _MOST_BYTES or size > max(limits.free_bytes, path.stat().st_size * limits.ratio):
            raise Refused(Issue(rules.TOO_LARGE, f"The workbook unpacks to {size / MIB:,.0f} MiB."))
    try:
        from app.data.imports import workbooks

        before = max(path.stat().st_size - sheet_bytes, 0)  # openpyxl looks through the sheet, too, for its size
        with CountedFile(path) as file, closing(_opened(file, before)) as book:
            if not book.worksheets:
                return
            if len(book.worksheets) > 1:
                others = len(book.worksheets) - 1
                notes.append(Issue(rules.LEFT_OUT, f"The first sheet was read; {others} more were left out."))
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # what some programs write there is wrong
            yield from batches(_rows(_cells(sheet, workbooks.shown), notes))
    except _BROKEN as error:
        raise unreadable(
            ended(f"The workbook cannot be read: {str(error)[:200] or type(error).__name__}"), _AGAIN
        ) from error


def _opened(file: CountedFile, size: int) -> Any:  # noqa: ANN401 -- openpyxl has no types
    """Return a workbook; what is read of it before its rows counts as `size`."""
    from app.data.imports import workbooks

    with counted_as(size, of=size):
        return workbooks.opened(cast("BinaryIO", file))


def _cells(sheet: Any, shown: Callable[[str], str]) -> Iterator[Sequence[Any]]:  # noqa: ANN401 -- openpyxl has no types
    for row in sheet.iter_rows(values_only=True):
        yield [shown(value) if type(value) is str else value for value in row]


def _rows(sheet: Iterable[Sequence[Any]], notes: Notes) -> Iterator[tuple[bytes, int]]:
    rounded = False
    # A sheet whose last row is formatted has a million of them, nearly all empty.
    filled = ((number, [*map(_text, row)], row) for number, row in enumerate(sheet, 1) if any(map(_is_filled, row)))
    first = list(islice(filled, _SAMPLE_ROWS))
    if not first:
        return
    width = max(at + 1 for _, cells, _ in first for at, cell in enumerate(cells) if cell)
    header = tables.header_of([_cut(cells, width) for _, cells, _ in first]) >= tables.SURE
    names = tables.names_of(_cut(first[0][1], width) if header else [""] * width)
    marks = Marks(names, orjson.Fragment)
    if header:
        tables.note_marks(marks, notes)
        tables.note_names(_cut(first[0][1], width), names, notes)
    for group in (first[1:] if header else first, filled):
        for number, cells, values in group:
            rounded = rounded or any(isinstance(value, int | float) and abs(value) >= _DIGITS for value in values)
            named = dict(zip(names, _cut(cells, width), strict=True))
            row = marks.row(named) if marks else named
            yield orjson.dumps(cells if any(cells[width:]) else row, option=orjson.OPT_APPEND_NEWLINE), number
    if rounded:
        notes.append(Issue(rules.ROUNDED, "Numbers of 16 digits and more stand in the sheet; it keeps 15 of them."))


def _is_filled(value: object) -> bool:
    return value is not None and value != ""


def _cut(cells: Sequence[str], width: int) -> list[str]:
    return [*cells[:width], *[""] * (width - len(cells))]


def _text(value: object) -> str:
    """Return a cell as text: whole numbers without a point, moments in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < _DIGITS:
        return str(int(value))
    return value.isoformat() if isinstance(value, date | time) else str(value)


CONTAINER = Container(name="xlsx", unit="row", recognise=recognise, rows=read, packs=True)
