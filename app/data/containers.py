"""Telling from a file's first bytes what it is: rows, or something else that has a name."""

import csv
import io
from collections.abc import Sequence

import orjson

from app.data import rules
from app.data.lines import BOM
from app.data.rules import Issue

HEAD_BYTES = 1 << 16
_TABLE_ROWS = 10
_CONTROL_SHARE = 0.05  # random bytes have 0.11 of them, text none
_TEXT_CONTROLS = b"\t\n\r\f\x1b"

# (offset, magic bytes, what it is, what to do); from the formats' own specifications, the longer magic first.
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"PAR1", "a Parquet file", "Export its rows as JSONL (in pandas: to_json with orient='records', lines=True)."),
    (0, b"ARROW1", "an Arrow file", "Export its table as JSONL."),
    (0, b"FEA1", "a Feather file", "Export its table as JSONL."),
    (0, b"%PDF", "a PDF document", "A model learns from rows: write questions and answers as JSONL."),
    (0, b"{\\rtf", "a rich-text document (RTF)", "Save it as plain text, one JSON object a line."),
    (0, b"\x1f\x8b", "a gzip archive", "Unpack it (gunzip), and upload the JSONL file inside."),
    (0, b"BZh", "a bzip2 archive", "Unpack it (bunzip2), and upload the JSONL file inside."),
    (0, b"\xfd7zXZ\0", "an xz archive", "Unpack it (unxz), and upload the JSONL file inside."),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Unpack it (unzstd), and upload the JSONL file inside."),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it, and upload the JSONL file inside."),
    (0, b"Rar!\x1a\x07", "a RAR archive", "Unpack it, and upload the JSONL file inside."),
    (257, b"ustar", "a tar archive", "Unpack it (tar -xf), and upload the JSONL file inside."),
    (0, b"SQLite format 3\0", "an SQLite database", "Export the table with the rows as JSONL."),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (doc, xls)", "Export the rows as JSONL."),
    (0, b"\x89PNG", "a PNG image", "Upload text rows; pictures are not trained on."),
    (0, b"\xff\xd8\xff", "a JPEG image", "Upload text rows; pictures are not trained on."),
    (0, b"GIF8", "a GIF image", "Upload text rows; pictures are not trained on."),
    (0, b"RIFF", "a sound or picture file (RIFF)", "Upload text rows."),
    (0, b"\x93NUMPY", "a NumPy array", "Export the rows as JSONL."),
    (0, b"\x89HDF\r\n", "an HDF5 file", "Export the rows as JSONL."),
    (0, b"\x80\x04\x95", "a Python pickle", "Export the rows as JSONL; a pickle can run code and is never opened."),
    (0, b"\x80\x05\x95", "a Python pickle", "Export the rows as JSONL; a pickle can run code and is never opened."),
    (0, b"\x7fELF", "a program", "Upload a JSONL file of rows."),
    (0, b"MZ", "a program", "Upload a JSONL file of rows."),
)  # fmt: skip
_WIDE_ENCODINGS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_SPREADSHEET = "In the spreadsheet choose Save as, CSV (UTF-8), then write each line as a JSON object."


def look(head: bytes) -> Issue | None:
    """Return why the file cannot be read as rows, None when it can be tried; `head` is its first 64 KiB."""
    return _wide_encoding(head) or _magic(head) or _binary(head) or _text(head)


def _wrong(what: str, fix: str) -> Issue:
    return Issue(rules.WRONG_TYPE, f"This is {what}, not JSONL.", fix=fix)


def _wide_encoding(head: bytes) -> Issue | None:
    name = next((name for mark, name in _WIDE_ENCODINGS if head.startswith(mark)), "")
    sample = head[:2000]
    if not name:  # UTF-16 without a mark: every other byte of plain text is zero
        few, many = sorted((sample[0::2].count(0), sample[1::2].count(0)))
        name = "UTF-16" if few == 0 and many > max(1, len(sample) * 0.2) else ""
    return Issue(rules.WRONG_ENCODING, f"The file is in {name}; rows must be in UTF-8.") if name else None


def _magic(head: bytes) -> Issue | None:
    if head.startswith(b"PK\x03\x04"):
        if b"xl/" in head:
            return _wrong("an Excel workbook", _SPREADSHEET)
        if b"word/" in head:
            return _wrong("a Word document", "A model learns from rows: write questions and answers as JSONL.")
        return _wrong("a zip archive", "Unpack it, and upload the JSONL file inside.")
    for offset, magic, what, fix in _MAGIC:
        if head.startswith(magic, offset):
            return _wrong(what, fix)
    return None


def _binary(head: bytes) -> Issue | None:
    if head.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{"):
        return None
    controls = sum(head.count(code) for code in range(32) if code not in _TEXT_CONTROLS)
    if controls > len(head) * _CONTROL_SHARE:
        return _wrong("a binary file", "Export the rows as JSONL: one JSON object a line, in UTF-8.")
    return None


def _text(head: bytes) -> Issue | None:
    body = head.removeprefix(BOM)
    lines = [line for line in body.split(b"\n") if line.strip()]
    if not lines:
        return None
    first = lines[0].strip()
    if first == b"[" or first.startswith((b"[{", b"[ {")):
        return Issue(
            rules.NOT_JSONL,
            "The file is one JSON array; JSONL has one object a line, without brackets or commas around.",
        )
    if first == b"{" and len(lines) > 1:
        return Issue(rules.NOT_JSONL, "The file is JSON spread over several lines; JSONL has one whole object a line.")
    if any(line.lstrip().startswith(b"{") for line in lines) or _is_json(first):
        return None
    return _markup(first) or _table(body) or _wrong("plain text", "Write the rows as JSONL: one JSON object a line.")


def _markup(first: bytes) -> Issue | None:
    if first.lower().startswith((b"<!doctype html", b"<html")):
        return _wrong("an HTML page", "Perhaps a sign-in page was saved in the file's place; download the file again.")
    if first.startswith(b"<?xml"):
        return _wrong("an XML document", "Write the rows as JSONL: one JSON object a line.")
    return None


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _table(body: bytes) -> Issue | None:
    text = body.decode("utf-8", "replace")
    for delimiter, name in ((",", "CSV"), ("\t", "tab-separated"), (";", "semicolon-separated CSV")):
        columns = _columns(text, delimiter)
        if columns:
            shown = ", ".join(column.strip()[:40] for column in columns[:8])
            fix = 'Convert it: write each line as an object, for example {"prompt": "…", "completion": "…"}.'
            return Issue(rules.CONVERT, f"This is a {name} table with the columns {shown}, not JSONL.", fix=fix)
    return None


def _columns(text: str, delimiter: str) -> Sequence[str]:
    """Return the first row's cells where the first rows all have the same number of cells, at least two."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) == _TABLE_ROWS:
                break
    except csv.Error:
        return ()
    if len(text) >= HEAD_BYTES // 2 and len(rows) < _TABLE_ROWS:
        rows = rows[:-1]  # cut by the end of the head
    full = [row for row in rows if row]
    return full[0] if len(full) > 1 and len(full[0]) > 1 and all(len(row) == len(full[0]) for row in full) else ()
