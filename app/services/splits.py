"""Verbs on splits: set rows apart for validation and test, once per wish."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.data.split import plan_split, write_part
from app.domain.datasets import Dataset, DatasetReport
from app.domain.errors import Conflict, Invalid
from app.domain.splits import Leakage, Part, SplitResult, SplitSpec, split_problems
from app.kit.crash_points import CrashPoint, reached
from app.services import datasets, verbs
from app.services.reading_in import Checked, check
from app.services.scope import Scope
from app.store import codec
from app.store import datasets as store
from app.store import splits as kept_splits
from app.store.files import StoredFile

_MADE_BY = "split:"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOutcome:
    """The parts as datasets of the same family, and what leaks between them."""

    training: Dataset
    validation: Dataset
    test: Dataset | None
    leakage: Leakage


@verbs.reads("datasets")
def preview(scope: Scope, identifier: str, spec: SplitSpec, *, pointer: str = "/validation") -> SplitResult:
    """Return what a split would give; makes nothing. `pointer` is where the spec stands in the request.

    Raises:
        Invalid: when the wish is wrong or does not fit the rows.
        Conflict: while the dataset is not ready.
    """
    problems = split_problems(spec, pointer=pointer)
    if problems:
        raise Invalid(problems)
    file, report = _source(scope, identifier)
    scope.release()
    return kept_splits.once(scope.files, file.name, _key(spec), lambda: plan_split(file, report, spec, pointer=pointer))


@verbs.writes("datasets")
def split(scope: Scope, identifier: str, spec: SplitSpec, *, pointer: str = "/validation") -> SplitOutcome:
    """Make the parts as datasets; the same wish finds those of the first time.

    Raises:
        Invalid, Conflict: as `preview`.
    """
    result = preview(scope, identifier, spec, pointer=pointer)
    planned = _parts(result)
    source = datasets.get(scope, identifier)
    known = {kind: store.child(scope.read, source.id, _made_by(spec, kind)) for kind in planned}
    scope.release()
    # Written and checked before the write transaction begins: everybody else would wait as long as a large file takes.
    made = {kind: _checked_part(scope, source, part.lines) for kind, part in planned.items() if known[kind] is None}
    parts = {kind: known[kind] or _recorded(scope, source, spec, kind, made[kind]) for kind in planned}
    return SplitOutcome(
        training=parts["training"],
        validation=parts["validation"],
        test=parts.get("test"),
        leakage=result.leakage,
    )


@verbs.reads("datasets")
def part_files(scope: Scope, identifier: str, spec: SplitSpec) -> dict[str, Path]:
    """Return the parts' canonical rows by kind (training, validation, test), recording nothing.

    Raises:
        Invalid, Conflict: as `preview`.
    """
    planned = preview(scope, identifier, spec)
    source = datasets.get(scope, identifier)
    scope.release()
    stored = {kind: _part_file(scope, source, part.lines) for kind, part in _parts(planned).items()}
    return {kind: datasets.canonical_of(scope, part.sha256, source=source.sha256) for kind, part in stored.items()}


@verbs.reads("datasets")
def training_rows(scope: Scope, identifier: str) -> Path:
    """Return the file with a dataset's canonical rows; those of a part have their lines in the dataset that was split.

    That one is what people chose for the job, and open to see what a sentence about a line means.

    Raises:
        Conflict, Invalid: as `datasets.canonical`.
    """
    dataset = datasets.get(scope, identifier)
    is_part = dataset.parent is not None and dataset.made_by.startswith(_MADE_BY)
    whole = datasets.many(scope, [dataset.parent]).get(dataset.parent) if is_part and dataset.parent else None
    if whole is None or not scope.files.path(whole.sha256).is_file():
        return datasets.canonical(scope, identifier)
    sha256 = datasets.path(scope, identifier).name
    scope.release()
    return datasets.canonical_of(scope, sha256, source=whole.sha256)


def _parts(planned: SplitResult) -> dict[str, Part]:
    parts = {"training": planned.training, "validation": planned.validation, "test": planned.test}
    filled = {kind: part for kind, part in parts.items() if part is not None and part.rows}
    if "training" not in filled or "validation" not in filled:
        raise Conflict("The split leaves a part without rows.", fix="Upload more rows, or choose another share.")
    return filled


def _part_file(scope: Scope, source: Dataset, lines: Sequence[int]) -> StoredFile:
    incoming = scope.files.temporary()
    write_part(scope.files.path(source.sha256), lines, incoming)
    return scope.files.keep(incoming)


def _checked_part(scope: Scope, source: Dataset, lines: Sequence[int]) -> Checked:
    stored = _part_file(scope, source, lines)
    reached(CrashPoint.SPLIT_HALF_MADE)
    return Checked(stored, check(scope.files, stored))


def _recorded(scope: Scope, source: Dataset, spec: SplitSpec, kind: str, part: Checked) -> Dataset:
    """Record a part, unless somebody with the same wish has done so meanwhile."""
    known = store.child(scope.write, source.id, _made_by(spec, kind))
    if known is not None:
        return known
    return datasets.record(
        scope,
        part,
        name=f"{source.name} ({kind})"[:80],
        filename=f"{Path(source.filename).stem}.{kind}.jsonl",
        project=source.project,
        made_by=_made_by(spec, kind),
        parent=source,
    )


def _made_by(spec: SplitSpec, kind: str) -> str:
    return f"{_MADE_BY}{_key(spec)}:{kind}"


def _key(spec: SplitSpec) -> str:
    return hashlib.sha256(codec.dump(spec).encode()).hexdigest()[:16]


def _source(scope: Scope, identifier: str) -> tuple[Path, DatasetReport]:
    dataset = datasets.get(scope, identifier)
    problem = datasets.ready_problem(dataset, "/training_dataset")
    report = datasets.report(scope, identifier)
    if problem is not None or report is None:
        raise Conflict(problem.message if problem else "The dataset has no report.", fix=problem.fix if problem else "")
    return datasets.path(scope, identifier), report
