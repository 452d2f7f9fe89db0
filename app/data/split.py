"""Dealing rows to training, validation and test: seeded, the same on every machine and Python."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from app.data.assignment import AssignableRow, assign_groups, assign_in_order, assign_strata, by_rank, digest
from app.data.labels import MAX_LABELS
from app.data.leaks import LeakCheck, normalise
from app.data.limits import DEFAULT
from app.data.lines import lines_of, numbered_lines
from app.data.questions import question_reader, row_of
from app.domain.datasets import DatasetReport, DatasetStatus
from app.domain.errors import Invalid, Problem
from app.domain.jobs import SplitStrategy
from app.domain.splits import Leakage, Part, SplitResult, SplitSpec, split_problems

POINTER = "/validation"
_BUFFER = 1 << 20


def plan_split(
    path: Path, report: DatasetReport, spec: SplitSpec, *, pointer: str = POINTER, leaks: bool = True
) -> SplitResult:
    """Return which lines go where, and what leaks between the parts.

    Rows are put into an order that depends on the seed and on their questions only, and the first go to validation,
    the next to the test set. So the same file and seed always give the same parts, the order of lines plays no role,
    and rows with equal questions fall into one part, but for those at a boundary. Without `leaks` the parts are not
    compared, which takes most of the time with large files; then `leakage.checked` is 0.

    Raises:
        Invalid: the wish is wrong, or does not fit the file (a field that rows lack, a part without a row).
        OSError: the file cannot be read.
    """
    problems = split_problems(spec, pointer=pointer)
    if problems:
        raise Invalid(problems)
    _refuse_unfit(report, spec, pointer)
    labelled = report.labels is not None or spec.strategy is SplitStrategy.STRATIFIED
    with TemporaryFile(dir=path.parent) as questions:  # normalised, a line each
        rows = list(_read(path, spec, pointer, questions, answers=labelled))
        parts = _assigned(rows, spec, pointer)
        training, validation, test = (
            _part(part, labels=labelled and spec.strategy is not SplitStrategy.GROUPED) for part in parts
        )
        held_out = frozenset((*validation.lines, *test.lines))
        leakage = _leakage(questions, [row.line for row in rows], held_out) if leaks else Leakage()
    return SplitResult(
        training=training, validation=validation, test=test if spec.test_ratio else None, leakage=leakage
    )


def _assigned(rows: list[AssignableRow], spec: SplitSpec, pointer: str) -> list[list[AssignableRow]]:
    wanted = _wanted(len(rows), spec, pointer)
    if spec.strategy is SplitStrategy.GROUPED:
        parts = assign_groups(rows, wanted, spec.seed)
    elif spec.strategy is SplitStrategy.STRATIFIED:
        parts = assign_strata(rows, wanted)
    else:
        parts = assign_in_order(sorted(rows, key=by_rank), wanted)
    _refuse_empty(parts, wanted, pointer)
    return parts


def _leakage(questions: BinaryIO, numbers: Sequence[int], held_out: frozenset[int]) -> Leakage:
    """Return what the other lines give away of held-out ones, by their normalised questions."""

    def those(*, held: bool) -> Iterator[tuple[int, str]]:
        questions.seek(0)
        for number, question in zip(numbers, questions, strict=True):
            if (number in held_out) is held:
                yield number, question.decode().rstrip("\n")

    check = LeakCheck(those(held=True), normal=str)
    for number, question in those(held=False):
        check.compare(number, question)
    return check.result()


def write_part(path: Path, lines: Sequence[int], out: Path) -> int:
    """Copy these lines, byte by byte as they stand, to `out`, each with a line feed; return the bytes written.

    Raises:
        OSError: a file cannot be read or written.
    """
    wanted, written = frozenset(lines), 0
    with path.open("rb") as stream, out.open("wb", buffering=_BUFFER) as target:
        for number, line in numbered_lines(stream, line_bytes=DEFAULT.line_bytes):
            if number in wanted:
                written += target.write(line) + target.write(b"\n")
    return written


def _refuse_unfit(report: DatasetReport, spec: SplitSpec, pointer: str) -> None:
    if report.status is not DatasetStatus.READY:
        message = f"The dataset is not ready: {report.errors} findings are errors."
        raise Invalid([Problem(pointer, "not_ready", message, "Mend the rows and upload the file again.")])
    if spec.strategy is SplitStrategy.STRATIFIED and not spec.key and report.labels is None:
        message = "The answers are no small set of labels, so they cannot be shared out evenly."
        fix = "Name a field with a few values, or choose a random split."
        raise Invalid([Problem(f"{pointer}/key", "no_labels", message, fix)])


def _read(path: Path, spec: SplitSpec, pointer: str, questions: BinaryIO, *, answers: bool) -> Iterator[AssignableRow]:
    """Yield the rows; their groups are the key's values, or else their `answers`, where these are wanted."""
    seed = f"{spec.seed}\0".encode()
    read, groups = question_reader(path), dict[str, str]()  # one text for each group, however many rows it has
    missing, first = 0, 0
    for number, line in lines_of(path):
        question, answer = read(line)
        group = answer.strip() if answers else ""
        if spec.key:
            value = value_of(row_of(line), spec.key)
            if value is None:
                missing, first = missing + 1, first or number
            else:
                group = value
        normal = normalise(question).encode(errors="replace")
        questions.write(normal + b"\n")
        rank = digest(seed + (normal or question.encode(errors="replace"))) + digest(seed + line.strip())
        yield AssignableRow(number, rank, groups.setdefault(group, group))
    if missing:
        message = f"{missing} rows have no text or number in the field {spec.key}, the first in line {first}."
        raise Invalid([Problem(f"{pointer}/key", "unknown", message, "Choose a field that every row has.")])


def value_of(row: Mapping[str, Any], key: str) -> str | None:
    """Return the text or number in a field such as `metadata.customer`; None where there is none."""
    value: object = row
    for name in [key] if key in row else key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return str(value) if isinstance(value, (str, int, float)) else None


def _wanted(rows: int, spec: SplitSpec, pointer: str) -> tuple[int, int]:
    """Return the number of rows for validation and test."""
    wanted = round(rows * spec.ratio), round(rows * (spec.test_ratio or 0))
    least = 3 if spec.test_ratio else 2
    if rows < least:
        message = f"The file has {rows} rows, too few for {least} parts."
        raise Invalid([Problem(f"{pointer}/ratio", "too_few_rows", message, "Add rows, or train without validation.")])
    most = rows - 1 - bool(spec.test_ratio)  # each part has a row at least
    validation = min(max(wanted[0], 1), most)
    return validation, min(max(wanted[1], 1), rows - 1 - validation) if spec.test_ratio else 0


def _refuse_empty(parts: list[list[AssignableRow]], wanted: tuple[int, int], pointer: str) -> None:
    names = ("training", "validation", "test")
    empty = [name for name, part, want in zip(names, parts, (1, *wanted), strict=True) if want and not part]
    if empty:
        message = f"No row is left for {' and '.join(empty)}: the groups are too few or too large."
        fix = "Choose a field with more and smaller groups, or another strategy."
        raise Invalid([Problem(f"{pointer}/key", "empty_part", message, fix)])


def _part(rows: list[AssignableRow], *, labels: bool) -> Part:
    counts = Counter(row.group for row in rows) if labels else Counter[str]()
    return Part(lines=tuple(sorted(row.line for row in rows)), labels=tuple(sorted(counts.most_common(MAX_LABELS))))
