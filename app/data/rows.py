"""Rows by line number, a page at a time, from files of any size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.data.convert import conversation
from app.data.formats.format import Misshapen
from app.data.index import LineIndex
from app.data.limits import DEFAULT
from app.data.lines import BOM
from app.data.syntax import read_line
from app.data.visible import visible

SHOWN_BYTES = 1 << 16  # of one row; longer ones are shown cut
SHOWN_MESSAGES = 200
MAX_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMessage:
    """One turn as shown: `content` has hidden characters made visible; `learned` says whether it receives loss."""

    role: str
    content: str
    learned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a file as shown: `raw` is its text, hidden characters made visible; `cut` when not whole.

    `messages` is the row as a conversation, empty where it cannot be read; then `problem` says why.
    """

    line: int
    bytes: int
    raw: str
    cut: bool
    messages: Sequence[RowMessage]
    problem: str = ""


def read_rows(path: Path, index: LineIndex, start: int, limit: int) -> list[Row]:
    """Return up to `limit` rows (200 at most) from line number `start` (from 1) on, blank lines left out.

    Raises:
        OSError: the file cannot be read.
    """
    rows: list[Row] = []
    for number, line, length in _lines_from(path, index, start):
        if len(rows) >= min(limit, MAX_ROWS):
            break
        if line and not line.isspace():
            rows.append(_row(number, line, length))
    return rows


def _lines_from(path: Path, index: LineIndex, start: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield (number, line, full length); a line longer than allowed is given cut."""
    number, offset = index.before(start)
    with path.open("rb") as stream:
        stream.seek(offset)
        while line := stream.readline(DEFAULT.line_bytes + 1):
            skipped = 0 if line.endswith(b"\n") else _skip(stream)
            text = line.removesuffix(b"\n")
            if number == 1:
                text = text.removeprefix(BOM)
            if number >= start:
                yield number, text, len(text) + skipped
            number += 1


def _skip(stream: BinaryIO) -> int:
    """Read on to the next line feed; return the number of bytes before it."""
    skipped = 0
    while piece := stream.readline(1 << 20):
        if piece.endswith(b"\n"):
            return skipped + len(piece) - 1
        skipped += len(piece)
    return skipped


def line_at(path: Path, index: LineIndex, number: int, most: int) -> bytes | None:
    """Return a line as it stands in the file; None where it is longer than `most` bytes, or there is none.

    Raises:
        OSError: the file cannot be read.
    """
    found = next(_lines_from(path, index, number), None)
    if found is None:
        return None
    _, line, length = found
    return line if length == len(line) <= most else None


def shown_row(number: int, line: bytes) -> Row:
    """Return a whole line as it is shown."""
    return _row(number, line, len(line))


def _row(number: int, line: bytes, length: int) -> Row:
    shown = visible(line[:SHOWN_BYTES].decode(errors="backslashreplace"))
    cut = length > SHOWN_BYTES
    if length > len(line):
        return Row(
            line=number, bytes=length, raw=shown, cut=cut, messages=(), problem="The line is too long to be read."
        )
    reading = read_line(line, depth=DEFAULT.depth)
    turns, problem = [], next((issue.message for issue in reading.issues), "The row is in no known format.")
    if isinstance(reading.value, dict):
        try:
            turns, problem = conversation(reading.value), ""
        except Misshapen as error:
            problem = str(error)
    return Row(line=number, bytes=length, raw=shown, cut=cut, messages=tuple(_messages(turns)), problem=problem)


def _messages(turns: list[tuple[str, str, bool]]) -> Iterator[RowMessage]:
    """Yield the turns until enough is shown."""
    left = SHOWN_BYTES
    for role, content, learned in turns[:SHOWN_MESSAGES]:
        if left > 0:
            yield RowMessage(role=visible(role[:40]), content=visible(content[:left]), learned=learned)
        left -= len(content)
