"""Verbs that bring datasets in other ways than one upload: a file of this machine, and several datasets as one."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from app.data.joining import join_files
from app.domain.datasets import Dataset, DatasetStatus, UploadedFile
from app.domain.errors import Conflict, Invalid, Problem
from app.domain.names import checked_name, fitting_name
from app.kit.confined import NotAllowed, opened, whole
from app.services import datasets, projects, verbs
from app.services.reading_in import Checked, brought_lines, check, own_lines, positions_of, read_in
from app.services.scope import Scope
from app.store.files import StoredFile

MOST_JOINED = 100


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
    files = [StoredFile(each.sha256, each.bytes, datasets.path(scope, each.id)) for each in parts]
    scope.release()
    named = zip(files, parts, strict=True)
    checked = _joined(scope, [(file, each.origins or [brought_lines(each)]) for file, each in named])
    made_by = f"join:{hashlib.sha256(' '.join(identifiers).encode()).hexdigest()[:16]}"
    return datasets.record(scope, checked, name=label, filename=f"{label}.jsonl", project=project, made_by=made_by)


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
    brought, parts = list[StoredFile](), list[tuple[StoredFile, Sequence[UploadedFile]]]()
    try:
        for filename, chunks in files:
            stored = scope.files.store(chunks)
            brought.append(stored)
            read = read_in(scope.files, stored, filename)
            brought.append(read.rows)
            if read.report is None or read.report.status is DatasetStatus.REJECTED:
                raise _refused(filename, read)
            parts.append((read.rows, read.origins or [own_lines(stored, filename)]))
        checked = _joined(scope, parts)
        return datasets.record(scope, checked, name=label, filename=files[0][0], project=project, made_by="upload")
    finally:
        datasets.forget_unused(scope, [each.sha256 for each in brought])


def _refused(filename: str, read: Checked) -> Invalid:
    first = next(iter(read.report.findings), None) if read.report else None
    said = first.message if first else "It has no rows."
    fix = "Leave the file out, or bring it in another format; nothing was stored."
    return Invalid([Problem("/file", "refused", f"{filename}: {said}", fix)])


def _joined(scope: Scope, parts: Sequence[tuple[StoredFile, Sequence[UploadedFile]]]) -> Checked:
    """Write the rows of all parts into one file, and check it unless it is large."""
    scope.files.check_room(sum(rows.bytes for rows, _ in parts))
    incoming = scope.files.temporary()
    before = join_files([rows.path for rows, _ in parts], incoming)
    stored = scope.files.keep(incoming)
    origins = list[UploadedFile]()
    for (_, files), lines in zip(parts, before, strict=True):
        for origin in files:
            positions_of(scope.files, origin).save(scope.files.positions_path(origin.sha256, stored.sha256))
            origins.append(replace(origin, made=stored.sha256, shift=origin.shift + lines))
    large = stored.bytes > scope.app_context.at_once_bytes
    return Checked(stored, None if large else check(scope.files, stored, origins), origins)
