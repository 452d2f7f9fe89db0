"""Rows as an Excel workbook of one sheet, written forwards: ECMA-376's smallest one, every text in its own cell.

A cell of the kind `inlineStr` is a text and never a formula; one that looks like a formula also has the prefix that
keeps it a text when somebody edits it.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from app.data.exports.columns import (
    MAX_CELL,
    Columns,
    RawRow,
    Unfit,
    is_formula,
    is_no_xml,
    marked_columns,
    raw_rows,
    text_of,
)
from app.data.limits import MIB
from app.data.marked_columns import escaped, json_of, marked_name, text_as_json
from app.kit.forward import ForwardFile

MAX_ROWS = 1_048_575  # below the names
MAX_BYTES = 256 * MIB  # of JSON Lines
_MAX_XML = 512 * MIB  # what is read back at most (app/data/imports/sheets.py)
_AROUND_CELL = 60  # bytes
_PIECE = 1 << 18
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="rows" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf xfId="0"/><xf xfId="0" quotePrefix="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
_SHEET = f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'
_END = "</sheetData></worksheet>"
_CELL = '<c t="inlineStr"{}><is><t xml:space="preserve">{}</t></is></c>'
_PREFIXED = ' s="1"'
_SHORT_NUMBER = re.compile(r"-?[1-9][0-9]{0,14}|0")  # up to the 15 digits that a spreadsheet keeps
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def check(found: Columns) -> None:
    """Return if a workbook holds the rows.

    Raises:
        Unfit: otherwise.
    """
    fix = "Download the rows as CSV or Parquet."
    if found.rows > MAX_ROWS:
        raise Unfit(f"A sheet has room for {MAX_ROWS:,} rows, and there are {found.rows:,}.", fix)
    if found.bytes > MAX_BYTES:
        most = MAX_BYTES // MIB
        raise Unfit(f"The rows come to {found.bytes // MIB:,} MiB; a workbook is made of {most} at most.", fix)
    if found.bytes + found.rows * len(found.columns) * _AROUND_CELL > _MAX_XML:
        raise Unfit(f"{found.rows:,} rows of {len(found.columns):,} columns are too much for one workbook.", fix)
    if found.no_fields:
        raise Unfit(f"Line {found.no_fields:,} has no fields, and a sheet does not keep empty rows.", fix)
    for each in found.columns:
        if each.longest > MAX_CELL:
            where = f"Line {each.longest_line:,} has {each.longest:,} characters in one field"
            raise Unfit(f"{where}; a cell of Excel holds {MAX_CELL:,}.", fix)
        if len(marked_name(each.name)) > MAX_CELL:
            raise Unfit(f"A field has a name of more than {MAX_CELL:,} characters.", fix)


def pieces(path: Path, found: Columns) -> Iterator[bytes]:
    """Yield the workbook."""
    out = ForwardFile()
    plan = _plan(found)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _PARTS.items():
            archive.writestr(_entry(name), _HEAD + content)
        with archive.open(_entry("xl/worksheets/sheet1.xml"), "w") as sheet:
            header = (_text_cell(marked_name(name) if mark else name) for name, mark in plan)
            held, size = [_SHEET, "<row>", *header, "</row>"], 0
            for row in raw_rows(path):
                written = _row(row, plan)
                held.append(written)
                size += len(written)
                if size > _PIECE:
                    sheet.write("".join(held).encode())
                    held, size = [], 0
                    yield out.take()
            sheet.write("".join((*held, _END)).encode())
    yield out.take()


def _entry(name: str) -> zipfile.ZipInfo:
    """Return an entry without the moment it was made at, so that the same rows give the same file."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _plan(found: Columns) -> list[tuple[str, bool]]:
    """Return the fields with whether their columns must be marked."""
    plan = marked_columns(found, lambda column: not column.no_xml)
    if found.empty_row:  # a sheet does not keep a row of empty cells; in a marked column an empty text is none
        plan[0] = (plan[0][0], True)
    return plan


def _row(row: RawRow, plan: list[tuple[str, bool]]) -> str:
    cells = [_cell(bytes(row[name]), marked=mark) if name in row else "<c/>" for name, mark in plan]
    return f"<row>{''.join(cells)}</row>"


def _cell(raw: bytes, *, marked: bool) -> str:
    if raw[0] != _QUOTE:
        written = raw.decode()
        if _SHORT_NUMBER.fullmatch(written):
            return f"<c><v>{written}</v></c>"
        return _text_cell(escaped(written) if is_no_xml(written) else written)
    text = text_of(raw)
    if marked and (not text or json_of(text) is not None or is_no_xml(text)):
        text = text_as_json(text)
    return _text_cell(text)


_QUOTE = ord('"')


def _text_cell(text: str) -> str:
    if not text:
        return "<c/>"
    return _CELL.format(_PREFIXED if is_formula(text) else "", text.translate(_MARKUP))
