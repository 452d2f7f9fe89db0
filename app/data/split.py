"""Dealing rows to training, validation and test: seeded, the same on every machine and Python."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from app.data.assignment import AssignableRow, assign_groups, assign_in_order, assign_strata, by_rank, digest
from app.data.convert import prompt_and_answer
from app.data.labels import MAX_LABELS
from app.data.leaks import LeakCheck, normalise
from app.data.limits import DEFAULT
from app.data.lines import numbered_lines
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
    rows = list(_read(path, spec, pointer))
    wanted = _wanted(len(rows), spec, pointer)
    if spec.strategy is SplitStrategy.GROUPED:
        parts = assign_groups(rows, wanted, spec.seed)
    elif spec.strategy is SplitStrategy.STRATIFIED:
        parts = assign_strata(rows, wanted)
    else:
        parts = assign_in_order(sorted(rows, key=by_rank), wanted)
    _refuse_empty(parts, wanted, pointer)
    labels = report.labels is not None or spec.strategy is SplitStrategy.STRATIFIED
    training, validation, test = (
        _part(part, labels=labels and spec.strategy is not SplitStrategy.GROUPED) for part in parts
    )
    leakage = check_leaks(path, training.lines, [*validation.lines, *test.lines]) if leaks else Leakage()
    return SplitResult(
        training=training, validation=validation, test=test if spec.test_ratio else None, leakage=leakage
    )


def check_leaks(path: Path, training: Sequence[int], held_out: Sequence[int]) -> Leakage:
    """Return what the training lines of a file give away of its held-out lines.

    Raises:
        OSError: the file cannot be read.
    """
    check = LeakCheck(_questions(path, held_out))
    for line, question in _questions(path, training):
        check.compare(line, question)
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


def _questions(path: Path, lines: Sequence[int]) -> Iterator[tuple[int, str]]:
    wanted = frozenset(lines)
    for number, _, row in _objects(path):
        if number in wanted:
            yield number, prompt_and_answer(row)[0]


def _objects(path: Path) -> Iterator[tuple[int, bytes, Mapping[str, Any]]]:
    """Yield (line number, line, row); what is no object counts as an empty one, so that no line is lost."""
    with path.open("rb") as stream:
        for number, line in numbered_lines(stream, line_bytes=DEFAULT.line_bytes):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = {}
            yield number, line, row if isinstance(row, dict) else {}


def _refuse_unfit(report: DatasetReport, spec: SplitSpec, pointer: str) -> None:
    if report.status is not DatasetStatus.READY:
        message = f"The dataset is not ready: {report.errors} findings are errors."
        raise Invalid([Problem(pointer, "not_ready", message, "Mend the rows and upload the file again.")])
    if spec.strategy is SplitStrategy.STRATIFIED and not spec.key and report.labels is None:
        message = "The answers are no small set of labels, so they cannot be shared out evenly."
        fix = "Name a field with a few values, or choose a random split."
        raise Invalid([Problem(f"{pointer}/key", "no_labels", message, fix)])


def _read(path: Path, spec: SplitSpec, pointer: str) -> Iterator[AssignableRow]:
    seed = f"{spec.seed}\0".encode()
    missing, first = 0, 0
    for number, line, row in _objects(path):
        question, answer = prompt_and_answer(row)
        value = value_of(row, spec.key) if spec.key else None
        if spec.key and value is None:
            missing, first = missing + 1, first or number
        normal = normalise(question) or question
        rank = digest(seed + normal.encode(errors="replace")) + digest(seed + line.strip())
        yield AssignableRow(number, rank, value if value is not None else answer.strip())
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
