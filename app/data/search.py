"""Rows that hold a text, from a line number on: reads up to a bound, and says how far it came."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.data.index import LineIndex
from app.data.limits import DEFAULT
from app.data.lines import BOM
from app.data.rows import MAX_ROWS, Row, shown_row

MOST_BYTES = 512 << 20  # read for one page of finds, half a second
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finds:
    """Rows that hold a text. `following` is the line to go on from, None where the file has been read to its end."""

    rows: Sequence[Row]
    following: int | None


def find_rows(path: Path, index: LineIndex, text: str, start: int, limit: int, *, most: int = MOST_BYTES) -> Finds:
    """Return up to `limit` rows (200 at most) from line `start` (from 1) on that hold a text, in any case of letters.

    It is looked for as JSON writes it, plain or escaped. At most about `most` bytes are read.

    Raises:
        OSError: the file cannot be read.
    """
    wanted, rows, limit = _written(text), list[Row](), min(limit, MAX_ROWS)
    number, offset = index.before(start)
    read, rest, overlong = 0, b"", False
    with path.open("rb") as stream:
        stream.seek(offset)
        while read < most or overlong:
            chunk = stream.read(_READ_BYTES)
            read += len(chunk)
            block, last = rest + chunk, len(chunk) < _READ_BYTES
            if overlong and b"\n" in block:
                overlong, block, number = False, block.partition(b"\n")[2], number + 1
            end = len(block) if last else block.rfind(b"\n") + 1
            block, rest = block[:end], block[end:]
            if len(rest) > DEFAULT.line_bytes:  # a line that is not read anywhere
                overlong, rest = True, b""
            if not overlong and any(each in block.lower() for each in wanted):
                for at, line in enumerate(block.split(b"\n"), number):
                    if at >= start and len(line) <= DEFAULT.line_bytes and any(each in line.lower() for each in wanted):
                        if len(rows) >= limit:
                            return Finds(rows=rows, following=rows[-1].line + 1)
                        rows.append(shown_row(at, line.removeprefix(BOM) if at == 1 else line))
            number += block.count(b"\n")
            if last:
                return Finds(rows=rows, following=None)
    return Finds(rows=rows, following=number)


def _written(text: str) -> set[bytes]:
    """Return the ways in which JSON may write a text, letters of ASCII in lower case."""
    cases = {text, text.lower(), text.upper(), text.title()}
    forms = {json.dumps(each, ensure_ascii=plain)[1:-1] for each in cases for plain in (True, False)}
    return {form.encode(errors="replace").lower() for form in cases | forms} - {b""}
