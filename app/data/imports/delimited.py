"""Tables as text: CSV and its kin, delimited by commas, semicolons, tabs or bars. Every cell stays the text it is."""

import csv
import io
import json
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import msgspec

from app.data import containers, rules
from app.data.imports import tables
from app.data.imports.container import Container, ImportLimits, Notes, Recognition, Refused, Rows, Sample
from app.data.imports.even_rows import MOST_BYTES, EvenRows
from app.data.imports.json_values import is_value
from app.data.lines import BOM, READ_BYTES
from app.data.marked_columns import Marks
from app.data.rules import Issue
from app.kit.heap import keep_freed_blocks
from app.kit.progress import Furthest

_DELIMITERS = {
    ",": "CSV",
    ";": "CSV delimited by semicolons",
    "\t": "tab-separated values",
    "|": "CSV delimited by bars",
}
_ENDINGS = {".csv", ".tsv", ".tab", ".psv"}
_SAMPLE_ROWS = 100
_BATCH = 1000  # rows
_EVEN = 0.8  # share of rows with the usual number of cells below which a text is no table
_NAMED_EVEN = 0.3  # the same for a file whose name says that it is one
_ALONE = 0.5  # the weight of a table of one column, which every text is
_MANY = 3  # columns that no prose has by chance
_encode = msgspec.json.Encoder().encode_lines
_RAW_CHARS = 2000  # of a row that cannot be read
_Row = Mapping[str, object] | list[str]  # a row as the header says, or the cells of one that is otherwise


@dataclass(frozen=True, slots=True)
class _Dialect:
    delimiter: str
    skip: int = 0  # lines before the first row (`sep=;`)

    def reader(self, lines: Iterable[str], *, strict: bool = True) -> Any:  # noqa: ANN401 -- csv's own reader has no public type
        return csv.reader(lines, delimiter=self.delimiter, strict=strict)


def recognise(sample: Sample) -> Recognition | None:
    """Tell a table by rows that have the same number of cells, with the delimiter that makes them most alike."""
    text = sample.head.removeprefix(BOM).decode("utf-8", "surrogateescape")
    start = text.lstrip()[:1]
    named = sample.ending in _ENDINGS
    refused = containers.named_by_magic if named else containers.no_text
    if not start or (start in "{[<" and not named) or refused(sample.head):
        return None
    if start in "{[" and is_value(text.lstrip().partition("\n")[0].encode("utf-8", "replace")):
        return None  # JSON Lines, whatever its name says
    skip = 1 if text[:4].lower() == "sep=" and text[5:6] in {"\r", "\n"} else 0
    tries = [_tried(text, delimiter, skip, sample) for delimiter in _DELIMITERS]
    even, columns, dialect, rows = max(tries, key=lambda each: each[0])
    if columns == 1:
        even /= _ALONE
    if even < (_NAMED_EVEN if named else _EVEN) or (columns == 1 and not named):
        return None  # one column of text is prose, unless its name says CSV
    header = tables.header_of(rows)
    if not named and header < tables.SURE and columns < _MANY:  # a letter with a comma in each of its lines
        return None
    has_header = header >= tables.SURE
    if has_header and len(rows[0]) == columns - 1:  # R writes the numbers of rows into a column without a name
        rows = [["", *rows[0]], *rows[1:]]
    return Recognition(
        confidence=round(min(even, 0.99 if named else 0.9) * max(header, 1 - header), 2),
        words=_DELIMITERS[dialect.delimiter] if columns > 1 else "CSV of one column",
        names=tables.names_of(rows[0] if has_header else [""] * columns),
        header=has_header,
        dialect=dialect,
    )


def _tried(text: str, delimiter: str, skip: int, sample: Sample) -> tuple[float, int, _Dialect, list[list[str]]]:
    """Return how even the first rows are under a delimiter, their usual number of cells, and these rows."""
    dialect = _Dialect(delimiter, skip)
    lines = io.StringIO(text, newline="")
    for _ in range(skip):
        lines.readline()
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows += islice((row for row in dialect.reader(lines, strict=False) if row), _SAMPLE_ROWS + 1)
    if len(rows) > _SAMPLE_ROWS or (not sample.whole and len(rows) > 1):
        rows.pop()  # perhaps cut by the end of the head
    counts = Counter(map(len, rows))
    if not rows:
        return 0.0, 0, dialect, rows
    columns = max(counts, key=lambda cells: (counts[cells], cells))
    even = counts[columns] / len(rows)
    return (even if columns > 1 else even * _ALONE), columns, dialect, rows


def read(path: Path, found: Recognition, limits: ImportLimits, notes: Notes) -> Iterator[Rows]:
    """Give the rows as objects of texts; a row that has not the header's cells is given as the list of its cells."""
    dialect = found.dialect
    if not isinstance(dialect, _Dialect):
        raise TypeError(dialect)
    csv.field_size_limit(max(csv.field_size_limit(), limits.row_bytes))
    yield from _Reader(path, found, dialect, limits, notes).rows()


class _Reader:
    """One pass over a table."""

    def __init__(self, path: Path, found: Recognition, dialect: _Dialect, limits: ImportLimits, notes: Notes) -> None:
        self._path, self._names, self._dialect = path, found.names, dialect
        self._limits, self._notes = limits, notes
        self._header_to_come = bool(found.header)
        self._line = dialect.skip  # the last one that was taken in
        self._blank = 0
        self._marks = Marks(found.names, msgspec.Raw)
        self._furthest = Furthest()

    def rows(self) -> Iterator[Rows]:
        """Yield the rows with the lines in which they begin: in blocks as long as these are regular, then by csv."""
        whole = False
        if self._limits.block_bytes and EvenRows.fit(self._names) and not self._marks:
            whole = yield from self._in_blocks()
        if not whole:
            with self._rest() as file:
                whole = yield from self._read(file)
        if not whole:
            with self._rest() as file:
                yield from self._carefully(_Lines(file))
        if self._blank:
            self._notes.append(
                Issue(
                    rules.NO_ROWS,
                    f"Left out of the rows: {self._blank:,} blank {'line' if self._blank == 1 else 'lines'}.",
                )
            )

    def _rest(self) -> TextIO:
        """Open the file at the first line that was not taken in."""
        file = self._open()
        for _ in range(self._line):
            file.readline()
        return file

    def _in_blocks(self) -> Generator[Rows, None, bool]:
        """Yield rows up to the end, or to a block that only csv can read; return whether it was the end."""
        begin = self._behind_header()
        if begin is None:
            return False
        keep_freed_blocks()
        even, rest, chunk = EvenRows(self._names, self._dialect.delimiter), b"", b"-"
        with io.BufferedReader(self._bytes(), READ_BYTES) as stream:
            while begin > 0 and (skipped := len(stream.read(min(begin, READ_BYTES)))):
                begin -= skipped
            while chunk and len(rest) <= MOST_BYTES:
                chunk = stream.read(self._limits.block_bytes)
                if not chunk and not rest:
                    break
                data = rest + chunk if chunk or rest.endswith(b"\n") else rest + b"\n"
                taken = even.take(data, self._line)
                if taken is None:
                    return False
                if taken.rows:
                    self._line += taken.lines
                    yield taken.rows
                elif taken.size:
                    block = io.TextIOWrapper(io.BytesIO(data[: taken.size]), "utf-8", "surrogateescape", newline="")
                    if not (yield from self._read(block)):
                        return False
                rest = data[taken.size :]
        return not rest

    def _behind_header(self) -> int | None:
        """Read the names of columns, where the file has them; return the first byte behind them, None if that fails."""
        seen = 0

        def counted(lines: Iterable[str]) -> Iterator[str]:
            nonlocal seen
            for line in lines:
                seen += len(line.encode("utf-8", "surrogateescape"))
                yield line

        with self._open() as file:
            lines = counted(file)
            for _ in range(self._dialect.skip):
                next(lines, "")
            if self._header_to_come:
                try:
                    self._header(self._dialect.reader(lines))
                except csv.Error:
                    return None
        return seen

    def _open(self) -> TextIO:
        return io.TextIOWrapper(io.BufferedReader(self._bytes(), READ_BYTES), "utf-8", "surrogateescape", newline="")

    def _bytes(self) -> "_Bounded":
        return _Bounded(self._path, self._limits.row_bytes, self._furthest)

    def _read(self, lines: Iterable[str], taken: list[str] | None = None) -> Generator[Rows, None, bool]:
        """Yield rows up to the end, or to one that cannot be read; return whether it was the end."""
        reader = self._dialect.reader(lines)
        names, width, before, marks = self._names, len(self._names), self._line, self._marks
        held, positions = list[_Row](), list[int]()
        line = self._line  # the last one taken in
        try:
            if self._header_to_come:
                self._header(reader)
                line = self._line
            for row in reader:
                begin, line = line + 1, before + reader.line_num
                if taken is not None:
                    taken.clear()
                if len(row) == width:
                    cells = dict(zip(names, row))  # noqa: B905 - their lengths are equal
                    held.append(marks.row(cells) if marks else cells)
                elif row:
                    held.append(row)
                else:
                    self._blank += 1
                    continue
                positions.append(begin)
                if len(held) == _BATCH:
                    yield Rows(_lines(held), _BATCH, positions)
                    held, positions = [], []
            whole = True
        except csv.Error:
            whole = False
        self._line = line
        if held:
            yield Rows(_lines(held), len(held), positions)
        return whole

    def _header(self, reader: Any) -> None:  # noqa: ANN401 -- as above
        self._header_to_come, before = False, self._line
        for cells in reader:
            self._line = before + reader.line_num
            if cells:
                tables.note_marks(self._marks, self._notes)
                tables.note_names(cells if len(cells) == len(self._names) else ["", *cells], self._names, self._notes)
                return

    def _carefully(self, lines: "_Lines") -> Iterator[Rows]:
        """Yield the rest; of a row that cannot be read the first line, as a list of one text. The next begins anew."""
        while not (yield from self._read(lines, lines.taken)):
            self._line += 1
            yield Rows(_as_it_is([lines.give_back()[:_RAW_CHARS].rstrip("\r\n")]), 1, [self._line])


class _Lines(Iterator[str]):
    """Lines that can be given back; `taken` are those since it was last cleared."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self.taken: list[str] = []

    def __next__(self) -> str:
        """Return the next line."""
        line = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(line)
        return line

    def give_back(self) -> str:
        """Give back all taken lines but the first, and return that one."""
        first, *others = self.taken
        self._again.extendleft(reversed(others))
        self.taken.clear()
        return first


class _Bounded(io.RawIOBase):
    """A file's bytes from behind its byte-order mark, refused where one line is too long to be held."""

    def __init__(self, path: Path, line_bytes: int, furthest: Furthest) -> None:
        self._file = path.open("rb", buffering=0)
        self._file.seek(len(BOM) if self._file.read(len(BOM)) == BOM else 0)
        self._most, self._open, self._furthest = line_bytes, 0, furthest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 -- what has the buffer protocol
        size = self._file.readinto(buffer) or 0
        self._furthest.reached(self._file.tell())
        piece = bytes(memoryview(buffer)[:size])
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        self._open = size - end - 1 if end >= 0 else self._open + size
        if self._open > self._most:
            raise Refused(Issue(rules.LONG_LINE, f"A line of the table is longer than {self._most >> 20} MiB."))
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


def _lines(rows: Sequence[_Row]) -> bytes:
    """Return rows as JSON Lines, many at once where all are as the header says."""
    if all(type(row) is dict for row in rows):
        with suppress(UnicodeEncodeError):  # bytes that are not UTF-8, for validation to name
            return _encode(rows)
    return b"".join(map(_line, rows))


def _line(row: _Row) -> bytes:
    if isinstance(row, dict):
        with suppress(UnicodeEncodeError):
            return _encode([row])
    return _as_it_is(row)


def _as_it_is(row: object) -> bytes:
    """Return a row as one line, bytes that were no UTF-8 as they were."""
    return json.dumps(row, ensure_ascii=False, default=_value).encode("utf-8", "surrogateescape") + b"\n"


def _value(raw: object) -> object:
    """Return what a cell of a marked column says."""
    if isinstance(raw, msgspec.Raw):
        return json.loads(bytes(raw))
    raise TypeError(type(raw).__name__)


CONTAINER = Container(name="csv", unit="line", recognise=recognise, rows=read)
