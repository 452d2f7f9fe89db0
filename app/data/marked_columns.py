"""Columns of a table that hold more than texts: marked by `:json` behind their name, written and read by one rule.

In such a column an empty cell is a field that the row does not have, a cell that is JSON is that value as it is
written, and every other cell is the text that stands in it. So a text that would be read as something else, or that a
spreadsheet would take for a formula, is written as a JSON text: `"=1+1"`.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import orjson

MARK = ":json"
ABSENT = (
    b"tunedesk.absent"  # in the metadata of Parquet that was written here: where a null is a field that is not there
)
_STARTS = frozenset('"[{-0123456789tfn')
# What a header may say as it is: more would be trimmed, renamed, or taken for values or a workbook's escapes.
_PLAIN_NAME = re.compile(r"(?!.*_x[0-9A-Fa-f]{4}_)[^\W\d](?:[\w .-]{0,58}[\w.-])?")
_ESCAPED = re.compile(r"[\x00-\x1f\x7f-\x9f\ufeff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def json_of(cell: str) -> bytes | None:
    """Return the JSON value that a cell is, as it is written and in one line; None where it is text."""
    if cell[0] not in _STARTS or cell[-1].isspace():
        return None
    try:
        written = cell.encode()
        orjson.loads(written)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return None
    return written.replace(b"\n", b" ").replace(b"\r", b" ")  # between its tokens: no text holds them as they are


def text_as_json(text: str) -> str:
    """Return a text as JSON that holds no control character, and nothing that a workbook would read as one."""
    return escaped(orjson.dumps(text).decode())


def escaped(written: str) -> str:
    """Return a value's JSON with the same characters escaped; between its tokens there are blanks only."""
    blank = written.replace("\r", " ").replace("\n", " ").replace("\t", " ")  # no text holds them as they are
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", blank)


def is_plain_name(name: str) -> bool:
    """Return whether a header may say a name as it is."""
    return _PLAIN_NAME.fullmatch(name) is not None and not name.endswith(MARK)


def marked_name(name: str) -> str:
    """Return how the header of a marked column says its name."""
    return f"{name if is_plain_name(name) else text_as_json(name)}{MARK}"


class Marks:
    """What the header of a table says of its columns."""

    def __init__(self, header: Sequence[str], wrap: Callable[[bytes], object]) -> None:
        """Take the names of a table's columns; `wrap` makes JSON that is written already something to be written."""
        plain = [_plain(name) for name in header]
        self._wrap = wrap
        self._marked: dict[str, str] = {}  # the name in the header, and the field's
        if len(set(plain)) == len(plain):
            self._marked = {name: field for name, field in zip(header, plain, strict=True) if name.endswith(MARK)}
        self._fields = [(name, self._marked.get(name, name), name in self._marked) for name in header]

    def __bool__(self) -> bool:
        """Tell whether any column is marked."""
        return bool(self._marked)

    @property
    def fields(self) -> Sequence[str]:
        """The fields of the marked columns."""
        return list(self._marked.values())

    def row(self, cells: Mapping[str, object]) -> dict[str, object]:
        """Return a row of the table as its fields; `cells` by the names of the header, None for an empty one."""
        made: dict[str, object] = {}
        for name, field, marked in self._fields:
            if name not in cells:
                continue
            cell = cells[name]
            if not marked:
                made[field] = cell
            elif isinstance(cell, str) and cell:
                value = json_of(cell)
                made[field] = cell if value is None else self._wrap(value)
        return made


def _plain(header: str) -> str:
    name = header.removesuffix(MARK)
    if name != header and name.startswith('"'):
        try:
            said = orjson.loads(name)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return name
        return said if isinstance(said, str) else name
    return name
