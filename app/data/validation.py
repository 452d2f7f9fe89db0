"""One pass over a file of rows: every error with its line, its place, its reason and its remedy."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from app.data import containers, rules
from app.data.findings import Findings, Heard
from app.data.formats.facts import facts_of
from app.data.formats.format import kind_in_words
from app.data.formats.registry import AMBIGUOUS, UNKNOWN, format_of, format_of_file, issues_of, may_be_another
from app.data.limits import DEFAULT, MIB, Limits
from app.data.lines import BOM, Piece, numbered_lines, read_pieces
from app.data.rules import Issue, Rule
from app.data.skeletons import READ_BYTES, Look, Skeleton, Skeletons
from app.data.statistics import StatisticsCollector
from app.data.syntax import read_line
from app.data.visible import visible
from app.domain.datasets import DatasetFormat, DatasetReport, DatasetStatus, Severity
from app.kit.progress import passed
from app.kit.sentences import ended

FEW_ROWS = 10  # the least that OpenAI and Azure OpenAI take (their fine-tuning guides)
FIRST_ROWS = 100  # the rows whose majority says what format a file is in
SHOWN_FIELDS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What is known of rows that were made from another file.

    `issues` is what was found when they were made; one that is in `refused` says why there are none. `columns` is how
    many a table has, and `source` says where a row stood in the file ("" where that is not known).
    """

    issues: Sequence[Issue] = ()
    refused: Issue | None = None
    columns: int | None = None
    source: Callable[[int], str] = lambda _: ""


NOTHING_KNOWN = Background()


def validate(
    path: Path,
    background: Background = NOTHING_KNOWN,
    *,
    limits: Limits = DEFAULT,
    sha256: str = "",
    heard: Heard | None = None,
    wanted: Collection[Rule] = rules.ALL,
) -> DatasetReport:
    """Return what the file is and everything that is wrong with it by the `wanted` rules, in constant memory.

    `sha256` is its hash where that is known already; counting it again takes a fifth of the time. `heard` is told of
    everything that is found in a line, also of what the report has no room for: in the order of lines, but for rows
    that are the same as an earlier one, which come last.

    Raises:
        OSError: the file cannot be read. Nothing that stands in the file raises.
    """
    with path.open("rb") as stream:
        return _Pass(stream, background, limits, sha256, Findings(limits, background.source, heard, wanted)).run()


class _Pass:
    """One pass over one file."""

    def __init__(
        self, stream: BinaryIO, background: Background, limits: Limits, sha256: str, findings: Findings
    ) -> None:
        self._stream = stream
        self._background = background
        self._limits = limits = limits if findings.wants(rules.DUPLICATE) else replace(limits, duplicate_rows=0)
        self._head = stream.read(containers.HEAD_BYTES)
        stream.seek(0)
        first = islice(numbered_lines(stream, line_bytes=limits.line_bytes), FIRST_ROWS)
        self._format, self._fields = format_of_file(line for _, line in first)
        stream.seek(0)
        check = self._format.fast_check
        self._skeletons = Skeletons(self._format, check, limits) if check and limits.block_bytes else None
        self._alone: dict[frozenset[str], bool] = {}  # further fields, and whether they make rows of another format
        self._findings = findings
        self._tally = StatisticsCollector(limits)
        self._sha256, self._hash = sha256, hashlib.sha256()
        self._bytes = self._lines = self._rows = self._longest = 0

    def run(self) -> DatasetReport:
        """Read the whole file, and report."""
        for issue in self._background.issues:
            self._findings.add(issue)
        refused = self._background.refused or containers.look(self._head)
        if refused:
            self._findings.add(refused)
            while chunk := self._stream.read(MIB):
                self._seen(chunk)
            return self._report(DatasetFormat.UNKNOWN)
        if self._head.startswith(BOM):
            self._findings.add(Issue(rules.BOM, "The file begins with a UTF-8 byte-order mark."), offset=0)
        for piece in read_pieces(
            self._stream, line_bytes=self._limits.line_bytes, seen=self._seen, read_bytes=READ_BYTES
        ):
            self._piece(piece)
        for issue in self._about_file():
            self._findings.add(issue)
        for line, first in self._tally.duplicates.found():
            self._findings.add(Issue(rules.DUPLICATE, f"The row is the same as the one in line {first}."), line=line)
        return self._report(self._format.shape)

    def _seen(self, chunk: bytes) -> None:
        self._bytes += len(chunk)
        passed(len(chunk))
        if not self._sha256:
            self._hash.update(chunk)

    def _piece(self, piece: Piece) -> None:
        if piece.overlong:
            self._lines += 1
            self._overlong(self._lines, piece.offset, piece.overlong)
            return
        look = self._skeletons.look(piece.data) if self._skeletons else None
        if look is not None:
            self._at_one_look(piece, look)
            return
        offset, lines = piece.offset, piece.data.split(b"\n")
        for left, line in enumerate(lines, 1 - len(lines)):
            self._lines += 1
            self._line(self._lines, offset, line, cut=piece.cut and not left)
            offset += len(line) + 1

    def _at_one_look(self, piece: Piece, look: Look) -> None:
        """Count the rows that a look has told all of, and read the others."""
        known, met = list(look.known), set[Skeleton]()
        last = len(known) - 1
        for index, skeleton in enumerate(known):
            if skeleton in met:
                continue
            if skeleton is not None and (not skeleton.extra or self._is_alone(skeleton.extra)):
                met.add(skeleton)
                self._tally.meet(skeleton)
                continue
            known[index] = None
            begin, end = look.starts[index], look.ends[index]
            line = piece.data[begin:end]
            self._line(self._lines + 1 + index, piece.offset + begin, line, cut=piece.cut and index == last)
        if met:
            sound = [index for index, skeleton in enumerate(known) if skeleton is not None]
            self._rows += len(sound)
            self._longest = max(self._longest, int(look.lengths[sound].max()))
            self._tally.add_look(self._lines + 1, look, known, sound)
        self._lines += len(known)

    def _line(self, number: int, offset: int, line: bytes, *, cut: bool) -> None:
        fast_check = self._format.fast_check
        facts = fast_check(line) if fast_check and len(line) <= self._limits.line_bytes else None
        if facts is not None and (not facts.extra or self._is_alone(facts.extra)):
            self._row(len(line))
            self._tally.add(number, facts)
        else:
            self._look_closely(number, offset, line, cut=cut)

    def _is_alone(self, extra: frozenset[str]) -> bool:
        """Return whether a sound row with these further fields is in the file's format, and in no other."""
        known = self._alone.get(extra)
        if known is None:
            known = self._alone[extra] = not may_be_another(self._format, extra)
        return known

    def _row(self, length: int) -> None:
        self._rows += 1
        self._longest = max(self._longest, length)

    def _overlong(self, number: int, offset: int, length: int) -> None:
        self._row(length)
        most = self._limits.line_bytes
        message = f"The line has {length / MIB:.1f} MiB; {most / MIB:.0f} MiB are the most."
        self._findings.add(Issue(rules.LONG_LINE, message), line=number, offset=offset)

    def _look_closely(self, number: int, offset: int, line: bytes, *, cut: bool) -> None:
        if not line or line.isspace():
            self._findings.add(Issue(rules.BLANK, "The line is blank."), line=number, offset=offset)
            return
        if len(line) > self._limits.line_bytes:
            self._overlong(number, offset, len(line))
            return
        self._row(len(line))
        reading = read_line(line, depth=self._limits.depth, cut=cut)
        found = self._about_row(reading.value) if reading.readable else iter(())
        sound = True
        for issue in chain(reading.issues, found):
            sound &= issue.rule.severity is not Severity.ERROR
            self._findings.add(issue, line=number, offset=offset)
        if self._format.convert and sound:
            extra = reading.value.keys() - self._format.fields
            self._tally.add(number, facts_of(self._format.canonical(reading.value), frozenset(extra)))

    def _about_row(self, row: object) -> Iterator[Issue]:
        if not isinstance(row, dict):
            yield self._no_object(row)
            return
        form = format_of(row)
        if form is AMBIGUOUS:
            yield Issue(
                rules.AMBIGUOUS, ended(f"The row fits more than one format; its fields are: {_names(row)}"), "$"
            )
        elif self._format.convert and form is not self._format and form is not UNKNOWN:
            message = f"The row is in the format {form.words}, while the file is in the format {self._format.words}."
            yield Issue(rules.MIXED, message, "$")
        elif self._format.convert:
            yield from issues_of(self._format, row)

    def _no_object(self, row: object) -> Issue:
        columns = self._background.columns
        if columns is None or not isinstance(row, list):
            return Issue(rules.NOT_OBJECT, f"The line is {kind_in_words(row)}, not an object.", "$")
        if len(row) == 1 and '"' in str(row[0]):
            return Issue(rules.QUOTES, f"Quotation marks do not match in: {visible(str(row[0])[:80])}", "$")
        cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
        return Issue(rules.CELLS, f"The row has {cells}, and the table {columns} columns.", "$")

    def _about_file(self) -> Iterator[Issue]:
        if self._rows == 0:
            yield Issue(rules.EMPTY_FILE, "The file holds only blank lines." if self._lines else "The file is empty.")
            return
        if self._format.convert is None:
            yield from self._no_format()
        elif self._format.issues is None:
            message = f"The rows are in the format {self._format.words}; they are read as {self._format.shape}."
            yield Issue(rules.READ_AS, message)
        if self._rows == 1:
            yield Issue(rules.ONE_ROW, "The file has one example only.")
        elif self._rows < FEW_ROWS:
            yield Issue(rules.FEW_ROWS, f"The file has {self._rows} rows only.")
        if "weight" in self._tally.features():
            yield Issue(rules.WEIGHTS, "Some of the assistant's messages have the weight 0.")
        if self._tally.extra:
            yield Issue(rules.EXTRA_FIELDS, ended(f"Rows also have the fields: {_names(self._tally.extra)}"))
        if self._tally.unchecked:
            message = f"Equal rows were looked for among the first {self._limits.duplicate_rows:,} rows only."
            yield Issue(rules.DUPLICATES_UNCHECKED, message)

    def _no_format(self) -> Iterator[Issue]:
        if self._format is not UNKNOWN:
            yield Issue(rules.CONVERT, f"The rows are in the format {self._format.words}.", fix=self._format.remedy)
        elif self._fields or not self._findings.errors:
            fields = f"the fields: {_names(self._fields)}" if self._fields else "no fields"
            yield Issue(rules.UNKNOWN_FORMAT, f"The rows have {fields}; that is no format that TuneDesk knows.")

    def _status(self, form: DatasetFormat) -> DatasetStatus:
        if form is DatasetFormat.UNKNOWN and self._rows and self._fields and self._format is UNKNOWN:
            return DatasetStatus.NEEDS_MAPPING
        if form is DatasetFormat.UNKNOWN or not self._rows:
            return DatasetStatus.REJECTED
        return DatasetStatus.NEEDS_FIXING if self._findings.errors else DatasetStatus.READY

    def _report(self, form: DatasetFormat) -> DatasetReport:
        return DatasetReport(
            format=form,
            status=self._status(form),
            rows=self._rows,
            lines=self._lines,
            errors=self._findings.errors,
            warnings=self._findings.warnings,
            tokens_estimate=self._tally.tokens,
            bytes=self._bytes,
            sha256=self._sha256 or self._hash.hexdigest(),
            findings=self._findings.kept(),
            rules=self._findings.rules(),
            labels=self._tally.labels.summary(),
            roles=self._tally.roles(),
            lengths=self._tally.lengths(),
            longest_line=self._longest or None,
            features=self._tally.features(),
        )


def _names(fields: Iterable[str]) -> str:
    return ", ".join(visible(name[:40]) for name in sorted(fields)[:SHOWN_FIELDS])
