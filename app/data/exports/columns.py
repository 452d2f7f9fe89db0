"""One pass over rows that are to become a table: which fields they have, and what a column of each must hold."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import orjson

from app.data.exports.nested import Nested
from app.data.imports import tables
from app.data.limits import DEFAULT, MIB
from app.data.lines import read_blocks
from app.data.marked_columns import is_plain_name, text_as_json

MAX_COLUMNS = 1000
MAX_CELL = 32_767  # characters that a cell of Excel holds
_HEAD_ROWS = 100
# What a spreadsheet takes for a formula, also behind what it overlooks (OWASP, CSV injection); a number is none.
_FORMULA = re.compile(r"[ \ufeff\n]*[=+\-@\t\r＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NO_XML = re.compile(r"[\r\ufeff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_UNUSUAL = re.compile(rb"\\[ubfr]|_x|\xef\xbb\xbf|\xef\xbf[\xbe\xbf]|\xc2[\x80-\x9f]|\x7f")
_NEGATIVE_ZERO = re.compile(rb"[:,\[]\s*-0[\s,}\]]")  # read as 0
_INT64 = range(-(2**63), 2**63)
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
RawRow = Mapping[str, msgspec.Raw]


class Unfit(Exception):
    """Rows that a format cannot hold; `message` says where and why, `fix` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message, self.fix = message, fix


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet would calculate a cell with this text."""
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None


def has_controls(text: str) -> bool:
    """Return whether a text has characters that text files do not hold."""
    return _CONTROL.search(text) is not None


def is_no_xml(text: str) -> bool:
    """Return whether a workbook, which is XML, would read a text as another one."""
    return _CONTROL.search(text) is not None or _NO_XML.search(text) is not None


@dataclass(slots=True, kw_only=True)
class Column:
    """What the values of one field are. `rows`: how many rows have it.

    `kinds`: text, whole (a whole number of 64 bits), real (a number as a float writes it), number (any other), flag,
    null, nested. `formula`, `controls`, `no_xml`: one of its texts is such. `longest` is that of a cell, in UTF-16,
    where it may be too long for Excel.
    """

    name: str
    rows: int = 0
    kinds: set[str] = field(default_factory=set)
    formula: bool = False
    controls: bool = False
    no_xml: bool = False
    longest: int = 0
    longest_line: int = 0
    nested: Nested = field(default_factory=Nested)

    def take(self, value: object, line: bytes, raw: RawRow | None, *, unusual: bool) -> None:
        """Add one value of a line; `raw` is its row as it is written, where that has numbers."""
        self.rows += 1
        if type(value) is str:
            self.kinds.add("text")
            if not self.formula and is_formula(value):
                self.formula = True
            if unusual:
                self.controls = self.controls or has_controls(value)
                self.no_xml = self.no_xml or is_no_xml(value)
        elif value is None:
            self.kinds.add("null")
        elif type(value) is bool:
            self.kinds.add("flag")
        elif isinstance(value, int | float):
            self.kinds.add(_number_kind(value, bytes(raw[self.name]) if raw else b""))
        else:
            self.kinds.add("nested")
            self.nested.take(value, exact=_NEGATIVE_ZERO.search(line) is None)

    def measure(self, value: object, raw: bytes, line: int) -> None:
        """Look how long a cell with this value is at most."""
        longest = max(_units(value), _units(text_as_json(value))) if isinstance(value, str) else _units(raw.decode())
        if longest > self.longest:
            self.longest, self.longest_line = longest, line


@dataclass(slots=True, kw_only=True)
class Columns:
    """The columns of all rows in the order in which they come first; `head` are the texts of the first rows."""

    rows: int = 0
    columns: list[Column] = field(default_factory=list)
    empty_row: int = 0  # the first line whose fields are all empty texts, if it has any
    no_fields: int = 0  # the first line that is an empty object
    bytes: int = 0
    head: list[dict[str, str]] = field(default_factory=list)

    def is_text(self, column: Column) -> bool:
        """Return whether every row has the field, and it is a text in each."""
        return column.rows == self.rows and column.kinds == {"text"}


def numbered_rows(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield every row that is not blank with its line.

    Raises:
        Unfit: for a line that is too long to be read.
    """
    with path.open("rb") as stream:
        for block in read_blocks(stream, line_bytes=DEFAULT.line_bytes):
            if block.overlong:
                raise _unreadable(block.line, f"has more than {DEFAULT.line_bytes // MIB} MiB")
            for number, line in enumerate(block.lines, block.line):
                if line and not line.isspace():
                    yield number, line


def raw_rows(path: Path) -> Iterator[RawRow]:
    """Yield every row's fields as they are written, of rows that have been looked at."""
    for _, line in numbered_rows(path):
        yield _decode(line)


def look(path: Path) -> Columns:
    """Return what the rows of a file have for columns.

    Raises:
        Unfit: when a line is no JSON object, or there are no fields or too many.
        OSError: the file cannot be read.
    """
    found = Columns()
    by_name: dict[str, Column] = {}
    for number, line in numbered_rows(path):
        _take(found, by_name, number, line, _row(number, line))
    found.columns = list(by_name.values())
    if not found.columns:
        raise Unfit("The rows have no fields, so a table of them has no columns.", "Download the rows as JSON Lines.")
    return found


def check(path: Path) -> None:
    """Return if every line of a file is a JSON object.

    Raises:
        Unfit: otherwise.
        OSError: the file cannot be read.
    """
    for number, line in numbered_rows(path):
        _row(number, line)


def _row(number: int, line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _unreadable(number, f"is not JSON ({error.msg})") from error
    if not isinstance(row, dict):
        raise _unreadable(number, "is no JSON object")
    return row


def _take(found: Columns, by_name: dict[str, Column], number: int, line: bytes, row: dict[str, Any]) -> None:
    found.rows += 1
    found.bytes += len(line)
    if len(found.head) < _HEAD_ROWS:
        found.head.append({name: value if isinstance(value, str) else "…" for name, value in row.items()})
    unusual = _UNUSUAL.search(line) is not None
    long = len(line) > MAX_CELL // 6  # JSON writes a character in six at most
    numbers = any(type(value) in {int, float} for value in row.values())
    raw = _decode(line) if numbers or long else None
    for name, value in row.items():
        column = by_name.get(name)
        if column is None:
            column = by_name[name] = _new(by_name, name, number)
        column.take(value, line, raw, unusual=unusual)
        if long and raw:
            column.measure(value, bytes(raw[name]), number)
    if not row:
        found.no_fields = found.no_fields or number
    elif not found.empty_row and not any(row.values()) and all(value == "" for value in row.values()):
        found.empty_row = number


def _new(by_name: Mapping[str, Column], name: str, line: int) -> Column:
    if len(by_name) >= MAX_COLUMNS:
        message = f"Up to line {line:,} the rows have more than {MAX_COLUMNS:,} different fields, each a column."
        raise Unfit(message, "Download the rows as JSON Lines.")
    return Column(name=name)


def _number_kind(value: float, raw: bytes) -> str:
    if orjson.dumps(value) != raw:  # it could not be written again as it stands here
        return "number"
    if type(value) is int:
        return "whole" if value in _INT64 else "number"
    return "real"


def _units(text: str) -> int:
    """Return the length of a text as Excel counts it: in UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _unreadable(line: int, why: str) -> Unfit:
    return Unfit(f"Line {line:,} {why}.", "Mend or leave out the line (tab Findings), or download the file as it is.")


def text_of(raw: bytes) -> str:
    """Return a JSON text's characters."""
    return raw[1:-1].decode() if b"\\" not in raw else str(orjson.loads(raw))


def marked_columns(found: Columns, is_plain: Callable[[Column], bool]) -> list[tuple[str, bool]]:
    """Return the fields with whether their columns must be marked; `is_plain` says so of those that are only texts."""
    marked = [
        (each.name, not (found.is_text(each) and is_plain_name(each.name) and is_plain(each))) for each in found.columns
    ]
    if not any(mark for _, mark in marked):
        names = [name for name, _ in marked]
        body = [[row.get(name, "") for name in names] for row in found.head]
        if tables.header_of([names, *body]) < tables.SURE:  # it would be taken for a row
            marked[0] = (names[0], True)
    return marked
