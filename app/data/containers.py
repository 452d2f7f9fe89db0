"""Telling from a file's first bytes why no rows can be taken out of it: it is something else, that has a name."""

import orjson

from app.data import rules
from app.data.lines import BOM
from app.data.rules import Issue

HEAD_BYTES = 1 << 16
_CONTROL_SHARE = 0.05  # random bytes have 0.11 of them, text none
_TEXT_CONTROLS = b"\t\n\r\f\x1b"

# (offset, magic bytes, what it is, what to do); from the formats' own specifications, the longer magic first.
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"ARROW1", "an Arrow file", "Export its table as JSONL."),
    (0, b"FEA1", "a Feather file", "Export its table as JSONL."),
    (0, b"%PDF", "a PDF document", "A model learns from rows: write questions and answers as JSONL."),
    (0, b"{\\rtf", "a rich-text document (RTF)", "Save it as plain text, one JSON object a line."),
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


def look(head: bytes) -> Issue | None:
    """Return why the file cannot be read as rows, None when it can be tried; `head` is its first 64 KiB."""
    return no_text(head) or _text(head)


def no_text(head: bytes) -> Issue | None:
    """Return what a file is that is no text at all."""
    return named_by_magic(head) or _binary(head)


def _wrong(what: str, fix: str) -> Issue:
    return Issue(rules.WRONG_TYPE, f"This is {what}, not JSONL.", fix=fix)


def named_by_magic(head: bytes) -> Issue | None:
    """Return what a file is that begins as only files of a kind do."""
    if head.startswith(b"PK\x03\x04"):
        if b"word/" in head:
            return _wrong("a Word document", "A model learns from rows: write questions and answers as JSONL.")
        return _wrong("an archive or a document of an office program", "Export the rows as CSV or JSONL.")
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
    if any(line.lstrip().startswith(b"{") for line in lines) or _is_json(first):
        return None
    return _markup(first) or _wrong("plain text", "Write the rows as CSV, or as JSONL: one JSON object a line.")


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
