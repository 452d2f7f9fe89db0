"""Verbs that bring datasets in other ways than one upload: a file of this machine, and several datasets as one."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from app.data.joining import join_files
from app.domain.datasets import Dataset, DatasetReport, DatasetStatus, UploadedFile
from app.domain.errors import Conflict, Invalid, Problem
from app.domain.names import checked_name, fitting_name
from app.kit.confined import NotAllowed, opened, whole
from app.kit.progress import counted_as
from app.services import datasets, projects, verbs
from app.services.reading_in import (
    Checked,
    brought_lines,
    check,
    is_large,
    own_lines,
    positions_of,
    read_in,
    work_of,
)
from app.services.scope import Scope
from app.store import datasets as store
from app.store import planned
from app.store.files import StoredFile

MOST_JOINED = 100
_MADE_BY = "join:"
_LEAVE_OUT = "Leave the file out, or bring it in another format; nothing was stored."


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedPart:
    """A file of a join; `origins` are what its rows were made from, none of one that is still to be read in."""

    filename: str
    sha256: str
    bytes: int
    origins: Sequence[UploadedFile] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPlan:
    """Files whose rows become one dataset's, in their order."""

    parts: Sequence[JoinedPart]


@verbs.writes("datasets", verbs.NAMED)
def from_path(scope: Scope, path: str, *, name: object = None, project: str | None = None) -> Dataset:
    """Read a file of this machine in, as an upload of it would be; the file itself is left as it is.

    Raises:
        Conflict: where no folder is allowed (`TUNEDESK_IMPORT_ROOTS`).
        Invalid: when the path leads to no regular file below one of them, or the file changes meanwhile.
        NotFound, TooLarge, StorageFull: as `datasets.upload`.
    """
    roots = scope.app_context.import_roots
    if not roots:
        message = "No folder of this machine may be read from."
        raise Conflict(message, fix="Upload the file, or have the operator name folders in TUNEDESK_IMPORT_ROOTS.")
    try:
        with opened(path, roots) as stream:
            filename = PurePosixPath(path).name
            return datasets.upload(
                scope, name=name, filename=filename, chunks=whole(stream), project=project, made_by="path"
            )
    except NotAllowed as error:
        fix = f"Name a file below {', '.join(map(str, roots))} that nobody writes to."
        raise Invalid([Problem("/path", "path", str(error), fix)]) from error


@verbs.writes("datasets", verbs.NAMED)
def join(scope: Scope, identifiers: Sequence[str], *, name: object, project: str | None = None) -> Dataset:
    """Make one dataset of the rows of several, one after the other; the parts stay as they are.

    Raises:
        Invalid: when the name is wrong, or there are fewer than two or too many.
        NotFound: when one of them, or the project, does not exist.
        Conflict: when one is still being checked, or has no rows.
    """
    if not 1 < len(identifiers) <= MOST_JOINED:
        message = f"Between 2 and {MOST_JOINED} datasets are joined, and {len(identifiers)} were named."
        raise Invalid([Problem("/datasets", "length", message, "Name the datasets in the order of their rows.")])
    parts = [datasets.get(scope, each) for each in identifiers]
    for each in parts:
        if each.status in {DatasetStatus.VALIDATING, DatasetStatus.REJECTED}:
            problem = datasets.ready_problem(each, "/datasets")
            raise Conflict(problem.message if problem else "", fix=problem.fix if problem else "")
    label = checked_name(name or parts[0].name, "/name", "The dataset")
    if project is not None:
        projects.get(scope, project)
    named = [
        JoinedPart(filename=each.filename, sha256=each.sha256, bytes=each.bytes, origins=_origins(each))
        for each in parts
    ]
    for each in parts:
        datasets.path(scope, each.id)
    plan = JoinPlan(parts=named)
    made_by = f"{_MADE_BY}{_key(*identifiers)}"
    known = store.by_making(scope.read, made_by, label, project)
    if known is not None:
        return known
    scope.release()
    checked = _begun(scope, plan, made_by) or _joined(scope, plan)
    filename = f"{label}.jsonl"
    return datasets.record(scope, checked, name=label, filename=filename, project=project, made_by=made_by)


@verbs.writes("datasets", verbs.NAMED)
def upload_several(
    scope: Scope, files: Sequence[tuple[str, Iterable[bytes]]], *, name: object, project: str | None = None
) -> Dataset:
    """Store several files and record their rows as one dataset, in the order of the files.

    Raises:
        Invalid: when the name is wrong, or one of the files has no rows; then nothing is recorded.
        NotFound, TooLarge, StorageFull: as `datasets.upload`.
    """
    label = checked_name(name or fitting_name(Path(files[0][0]).stem, "dataset"), "/name", "The dataset")
    if project is not None:
        projects.get(scope, project)
    scope.release()
    parts, forgotten = list[JoinedPart](), list[str]()
    try:
        for filename, chunks in files:
            stored = scope.files.store(chunks)
            forgotten.append(stored.sha256)
            if not stored.bytes:
                raise Invalid([Problem("/file", "empty", f"{filename}: The file is empty.", _LEAVE_OUT)])
            parts.append(JoinedPart(filename=filename, sha256=stored.sha256, bytes=stored.bytes))
        plan = JoinPlan(parts=parts)
        made_by = f"{_MADE_BY}{_key(*(f'{each.sha256} {each.filename}' for each in parts))}"
        checked = _begun(scope, plan, made_by) or _joined(scope, plan)
        forgotten += checked.passing
        if checked.report is not None and checked.report.status is DatasetStatus.REJECTED:
            said = next(each.message for each in checked.report.findings)
            raise Invalid([Problem("/file", "refused", said, _LEAVE_OUT)])
        known = store.by_making(scope.write, made_by, label, project)
        return known or datasets.record(
            scope, checked, name=label, filename=files[0][0], project=project, made_by=made_by
        )
    finally:
        datasets.forget_unused(scope, forgotten)


@verbs.writes("datasets")
def carry_out(scope: Scope, identifier: str) -> Checked | None:
    """Make the rows of a dataset whose join is still to be carried out; None of any other dataset.

    Records nothing, and holds no transaction (the engine records). May be repeated. A file without rows makes the whole
    a refused one, whose finding names it.
    """
    dataset = datasets.get(scope, identifier)
    if not dataset.made_by.startswith(_MADE_BY):
        return None
    key = dataset.made_by.removeprefix(_MADE_BY)
    plan = planned.kept(JoinPlan, scope.files.join_path(dataset.sha256, key))
    if plan is None:
        return None
    scope.release()
    raw = sum(work_of(_stored(scope, each), each.filename) for each in plan.parts if not each.origins)
    with scope.app_context.progress.of(identifier, 2 * dataset.bytes + raw):
        checked = _joined(scope, plan, at_once=True)
    held = {each.sha256 for each in dataset.origins} - {each.sha256 for each in checked.origins}
    return replace(checked, passing=[*checked.passing, *held])


def _begun(scope: Scope, plan: JoinPlan, made_by: str) -> Checked | None:
    """Keep a join of large files for the engine, and return what stands for its rows until then; None of small ones."""
    files, first, size = scope.files, plan.parts[0], sum(each.bytes for each in plan.parts)
    most = scope.app_context.at_once_bytes
    stored = [_stored(scope, each) for each in plan.parts]
    raw = [(file, part.filename) for file, part in zip(stored, plan.parts, strict=True) if not part.origins]
    if size <= most and not any(is_large(file, filename, most) for file, filename in raw):
        return None
    files.check_room(size)
    planned.keep(files, files.join_path(first.sha256, made_by.removeprefix(_MADE_BY)), plan)
    held = tuple(own_lines(file, part.filename) for file, part in zip(stored, plan.parts, strict=True))
    return Checked(StoredFile(first.sha256, size, stored[0].path), None, held)


def _joined(scope: Scope, plan: JoinPlan, *, at_once: bool = False) -> Checked:
    """Write the rows of all parts into one file, and check it unless it is large; `at_once`: in any case."""
    files = scope.files
    read, passing = list[Checked](), list[str]()
    for each in plan.parts:
        stored = _stored(scope, each)
        if each.origins:
            read.append(Checked(stored, None, each.origins))
            continue
        rows = read_in(files, stored, each.filename)
        passing += [rows.rows.sha256] if rows.rows.sha256 != each.sha256 else []
        if rows.report is None or rows.report.status is DatasetStatus.REJECTED:
            return replace(rows, report=_naming(rows.report, each.filename), passing=passing)
        read.append(replace(rows, origins=rows.origins or [own_lines(stored, each.filename)]))
    size, brought = sum(each.rows.bytes for each in read), sum(each.bytes for each in plan.parts)
    files.check_room(size)
    incoming = files.temporary()
    try:
        with counted_as(brought, of=size):
            before = join_files([each.rows.path for each in read], incoming)
        stored = files.keep(incoming)
    finally:
        incoming.unlink(missing_ok=True)
    origins = list[UploadedFile]()
    for part, lines in zip(read, before, strict=True):
        for origin in part.origins:
            positions_of(files, origin).save(files.positions_path(origin.sha256, stored.sha256))
            origins.append(replace(origin, made=stored.sha256, shift=origin.shift + lines))
    later = stored.bytes > scope.app_context.at_once_bytes and not at_once
    if later:
        return Checked(stored, None, origins, passing)
    with counted_as(brought, of=stored.bytes):
        return Checked(stored, check(files, stored, origins), origins, passing)


def _stored(scope: Scope, part: JoinedPart) -> StoredFile:
    return StoredFile(part.sha256, part.bytes, scope.files.path(part.sha256))


def _naming(report: DatasetReport | None, filename: str) -> DatasetReport | None:
    """Return what was found in a file that is refused, naming it."""
    if report is None:
        return None
    return replace(report, findings=[replace(each, message=f"{filename}: {each.message}") for each in report.findings])


def _origins(dataset: Dataset) -> Sequence[UploadedFile]:
    return dataset.origins or [brought_lines(dataset)]


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
