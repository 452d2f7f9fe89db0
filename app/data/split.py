"""Dealing rows to training, validation and test: seeded, the same on every machine and Python."""

from array import array
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from app.data.assignment import (
    TRAINING,
    AssignableRows,
    assign_groups,
    assign_in_order,
    assign_strata,
    in_order,
    number,
)
from app.data.labels import MAX_LABELS
from app.data.leaks import LeakCheck
from app.data.limits import DEFAULT
from app.data.lines import lines_of, numbered_lines
from app.data.normalising import normalise_rows, text_of
from app.data.questions import questions_of
from app.data.shingles import BLOCK_BYTES, ShingleFile
from app.domain.datasets import DatasetReport, DatasetStatus
from app.domain.errors import Invalid, Problem
from app.domain.jobs import SplitStrategy
from app.domain.splits import Leakage, Part, SplitResult, SplitSpec, split_problems

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.data.assignment import Numbers

POINTER = "/validation"
_BUFFER = 1 << 20


def plan_split(
    path: Path, report: DatasetReport, spec: SplitSpec, *, pointer: str = POINTER, leaks: bool = True
) -> SplitResult:
    """Return which lines go where, and what leaks between the parts.

    Rows are put into an order that depends on the seed and on their questions only, and the first go to validation,
    the next to the test set. So the same file and seed always give the same parts, the order of lines plays no role,
    and rows with equal questions fall into one part, but for those at a boundary. Without `leaks` the parts are not
    compared; then `leakage.checked` is 0.

    Raises:
        Invalid: the wish is wrong, or does not fit the file (a field that rows lack, a part without a row).
        OSError: the file cannot be read.
    """
    import numpy as np

    problems = split_problems(spec, pointer=pointer)
    if problems:
        raise Invalid(problems)
    _refuse_unfit(report, spec, pointer)
    labelled = report.labels is not None or spec.strategy is SplitStrategy.STRATIFIED
    with TemporaryFile(dir=path.parent) as scratch:
        shingles = ShingleFile(scratch) if leaks else None
        rows = _read(path, spec, pointer, shingles, answers=labelled)
        parts = _assigned(path, rows, spec, pointer)
        training, validation, test = (
            _part(rows, part, labels=labelled and spec.strategy is not SplitStrategy.GROUPED) for part in parts
        )
        held = np.ones(len(rows.lines), bool)
        held[parts[TRAINING]] = False
        leakage = LeakCheck(shingles, held).run(rows.ranks, rows.lines) if shingles else Leakage()
    return SplitResult(
        training=training, validation=validation, test=test if spec.test_ratio else None, leakage=leakage
    )


def _assigned(path: Path, rows: AssignableRows, spec: SplitSpec, pointer: str) -> "list[Numbers]":
    wanted = _wanted(len(rows.lines), spec, pointer)
    if spec.strategy is SplitStrategy.GROUPED:
        parts = assign_groups(rows, wanted, spec.seed)
    else:
        order = in_order(rows, partial(_line_ranks, path, rows, spec))
        stratified = spec.strategy is SplitStrategy.STRATIFIED
        parts = assign_strata(rows, order, wanted) if stratified else assign_in_order(order, wanted)
    _refuse_empty(parts, wanted, pointer)
    return parts


def _line_ranks(path: Path, rows: AssignableRows, spec: SplitSpec, some: "Numbers") -> "NDArray[np.uint64]":
    """Return numbers by which rows with one question are ordered: those of their whole lines."""
    import numpy as np

    wanted, seed = frozenset(rows.lines[some].tolist()), _seed(spec)
    found = (number(seed + line.strip()) for line_number, line in lines_of(path) if line_number in wanted)
    return np.fromiter(found, np.uint64, len(some))


def _seed(spec: SplitSpec) -> bytes:
    return f"{spec.seed}\0".encode()


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
        raise Invalid([Problem(pointer, "not_ready", message, "Fix the rows and upload the file again.")])
    if spec.strategy is SplitStrategy.STRATIFIED and not spec.key and report.labels is None:
        message = "The answers are no small set of labels, so they cannot be shared out evenly."
        fix = "Name a field with a few values, or choose a random split."
        raise Invalid([Problem(f"{pointer}/key", "no_labels", message, fix)])


def _read(path: Path, spec: SplitSpec, pointer: str, shingles: ShingleFile | None, *, answers: bool) -> AssignableRows:
    """Return the rows; their groups are the key's values, or else their `answers`, where these are wanted."""
    import numpy as np

    seed, names = _seed(spec), dict[str, int]()
    lines, ranks, groups = array("q"), array("Q"), array("q")
    missing, first = 0, 0
    for batch in questions_of(path, BLOCK_BYTES, key=spec.key, answers=answers):
        normal = normalise_rows(batch.texts)
        if shingles:
            shingles.add(normal)
        lines.extend(batch.numbers)
        rows = zip(batch.texts, normal.tobytes().split(b"\n"), strict=True)
        ranks.extend([number(seed + (words or text_of(text).encode(errors="replace"))) for text, words in rows])
        for group in batch.groups:
            groups.append(names.setdefault(group or "", len(names)))
        if None in batch.groups:
            missing += batch.groups.count(None)
            first = first or batch.numbers[batch.groups.index(None)]
    if missing:
        message = f"{missing} rows have no text or number in the field {spec.key}, the first in line {first}."
        raise Invalid([Problem(f"{pointer}/key", "unknown", message, "Choose a field that every row has.")])
    columns = (np.frombuffer(lines, np.int64), np.frombuffer(ranks, np.uint64), np.frombuffer(groups, np.int64))
    return AssignableRows(*columns, tuple(names))


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


def _refuse_empty(parts: "list[Numbers]", wanted: tuple[int, int], pointer: str) -> None:
    names = ("training", "validation", "test")
    empty = [name for name, part, want in zip(names, parts, (1, *wanted), strict=True) if want and not len(part)]
    if empty:
        message = f"No row is left for {' and '.join(empty)}: the groups are too few or too large."
        fix = "Choose a field with more and smaller groups, or another strategy."
        raise Invalid([Problem(f"{pointer}/key", "empty_part", message, fix)])


def _part(rows: AssignableRows, part: "Numbers", *, labels: bool) -> Part:
    import numpy as np

    counts = np.bincount(rows.groups[part]).tolist() if labels else []
    most = sorted((-count, rows.names[group]) for group, count in enumerate(counts) if count)[:MAX_LABELS]
    return Part(
        lines=tuple(np.sort(rows.lines[part]).tolist()), labels=tuple(sorted((name, -count) for count, name in most))
    )
