"""Verbs on datasets: bring one in, look into it, remove it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from app.data import search
from app.data.convert import write_canonical
from app.data.fixes import BY_NAME, mended
from app.data.index import LineIndex, build_index, load_index, save_index
from app.data.rows import Row, line_at, read_rows
from app.data.search import Finds
from app.domain.datasets import Dataset, DatasetProgress, DatasetReport, DatasetStatus, Finding, Severity, UploadedFile
from app.domain.edits import MAX_ROW_BYTES
from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.domain.names import checked_name, fitting_name
from app.kit.crash_points import CrashPoint, reached
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import projects, verbs
from app.services.reading_in import Checked, is_large, read_in, work_of
from app.services.reading_in import check as report_of
from app.services.scope import Scope
from app.store import datasets as store
from app.store import usage as usage_store
from app.store.files import StoredFile

REFUSED_KEPT = timedelta(hours=24)  # how long a refused upload can be looked into before it goes
_FILENAME_LIMIT = 255


@verbs.writes("datasets", verbs.NAMED)
def upload(
    scope: Scope,
    *,
    name: object,
    filename: str,
    chunks: Iterable[bytes],
    project: str | None = None,
    made_by: str = "upload",
) -> Dataset:
    """Store a file and record it as a dataset; the same bytes under the same name and project are the same dataset.

    Raises:
        Invalid: when the name is wrong or the file is empty.
        NotFound: when the project does not exist.
        TooLarge, StorageFull: when the bytes do not fit.
    """
    return bring(
        scope, lambda: scope.files.store(chunks), name=name, filename=filename, project=project, made_by=made_by
    )


@verbs.writes("datasets", verbs.NAMED)
def bring(
    scope: Scope,
    store_file: Callable[[], StoredFile],
    *,
    name: object,
    filename: str,
    project: str | None = None,
    made_by: str = "upload",
) -> Dataset:
    """Record the file that is then stored, as `upload` does."""
    label = checked_name(name or fitting_name(Path(filename).stem, "dataset"), "/name", "The dataset")
    if project is not None:
        projects.get(scope, project)
    scope.release()
    checked = read_stored(scope, store_file(), filename)
    return record(scope, checked, name=label, filename=filename, project=project, made_by=made_by)


@verbs.writes("datasets", verbs.LATER)
def read_stored(scope: Scope, stored: StoredFile, filename: str) -> Checked:
    """Read a stored file in, unless it is so large that the engine does; records nothing; hold no transaction.

    Raises:
        Invalid: when the file is empty.
    """
    if stored.bytes == 0:
        fix = "Choose a file with rows: JSON Lines, CSV, or a JSON array."
        raise Invalid([Problem("/file", "empty", "The file is empty.", fix)])
    large = is_large(stored, filename, scope.app_context.at_once_bytes)
    return Checked(stored) if large else read_in(scope.files, stored, filename)


@verbs.writes("datasets", verbs.NAMED)
def record(
    scope: Scope,
    checked: Checked,
    *,
    name: str,
    filename: str,
    project: str | None,
    made_by: str,
    parent: Dataset | None = None,
) -> Dataset:
    """Record rows as a dataset; without a report the engine reads their file in."""
    tx, stored = scope.write, checked.rows
    if parent is None and not made_by.startswith("join:"):  # joins are known by their parts
        same = store.by_content(tx, stored.sha256, name, project)
        if same is not None:
            return same
    identifier = scope.new_id("ds")
    family = parent.family if parent else identifier
    dataset = Dataset(
        id=identifier,
        family=family,
        version=store.next_version(tx, family),
        parent=parent.id if parent else None,
        made_by=made_by,
        name=name,
        filename=filename[-_FILENAME_LIMIT:],
        project=project,
        status=DatasetStatus.VALIDATING,
        bytes=stored.bytes,
        sha256=stored.sha256,
        origins=checked.origins,
        created_at=scope.now(),
    )
    store.add(tx, dataset, due_at=None if checked.report else scope.due_now())
    if checked.report is None:
        scope.nudge()
        return dataset
    return store.save_report(tx, dataset, checked.report)


@verbs.writes("datasets")
def revise(
    scope: Scope, source: Dataset, stored: StoredFile, *, origins: Sequence[UploadedFile], made_by: str
) -> Dataset:
    """Record rows that were made of a dataset's as its version; the same where somebody asked for it meanwhile."""
    large = stored.bytes > scope.app_context.at_once_bytes
    checked = Checked(stored, None if large else report_of(scope.files, stored, origins), origins)
    return store.child(scope.write, source.id, made_by) or record(
        scope,
        checked,
        name=source.name,
        filename=source.filename,
        project=source.project,
        made_by=made_by,
        parent=source,
    )


@verbs.writes("datasets")
def check(scope: Scope, identifier: str) -> Checked:
    """Read a dataset's file in; records nothing, holds no transaction (the engine records)."""
    dataset = get(scope, identifier)
    scope.release()
    stored = StoredFile(dataset.sha256, dataset.bytes, scope.files.path(dataset.sha256))
    with scope.app_context.progress.of(identifier, work_of(stored, dataset.filename)):
        if dataset.origins:  # its rows were made already, and changed since
            checked = Checked(stored, report_of(scope.files, stored, dataset.origins), dataset.origins)
        else:
            checked = read_in(scope.files, stored, dataset.filename)
    _index(scope, checked.rows)  # of a large file made here, not when somebody looks at its rows for the first time
    return checked


@verbs.reads("datasets")
def list_datasets(
    scope: Scope,
    *,
    project: str | None = None,
    with_parts: bool = False,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[Dataset]:
    return store.page(scope.read, project=project, limit=limit, cursor=cursor, with_parts=with_parts)


@verbs.reads("datasets")
def get(scope: Scope, identifier: str) -> Dataset:
    return scope.row("dataset", identifier, store.get)


@verbs.reads("datasets")
def progress(scope: Scope, identifier: str) -> DatasetProgress:
    """Return how far the reading in, the making and the check of a dataset's rows are."""
    return DatasetProgress(status=get(scope, identifier).status, share=scope.app_context.progress.share(identifier))


@verbs.reads("datasets")
def many(scope: Scope, identifiers: Sequence[str]) -> Mapping[str, Dataset]:
    """Return datasets by id; unknown ids are left out."""
    return scope.rows("dataset", identifiers, store.many)


@verbs.reads("datasets")
def reports(scope: Scope, identifiers: Sequence[str]) -> Sequence[DatasetReport]:
    """Return what validation found in several datasets, without the single findings; those that have none left out."""
    return list(scope.rows("report", identifiers, store.reports).values())


@verbs.reads("datasets")
def report(scope: Scope, identifier: str) -> DatasetReport | None:
    """Return what validation found, without the single findings; None while it runs."""
    get(scope, identifier)
    return next(iter(reports(scope, [identifier])), None)


@verbs.reads("datasets")
def children(scope: Scope, identifier: str) -> Sequence[Dataset]:
    """Return what was made from a dataset (the parts of splits)."""
    return store.children(scope.read, identifier)


@verbs.reads("datasets")
def findings(
    scope: Scope,
    identifier: str,
    *,
    severity: Severity | None = None,
    rule: str | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[Finding]:
    get(scope, identifier)
    return store.findings(scope.read, identifier, severity=severity, rule=rule, limit=limit, cursor=cursor)


@verbs.reads("datasets")
def path(scope: Scope, identifier: str) -> Path:
    """Return the dataset's file.

    Raises:
        Conflict: when the file is missing on the disk, or its rows are still being made.
    """
    dataset = get(scope, identifier)
    if dataset.is_being_made:
        raise Conflict(f"The rows of {dataset.name!r} are still being made.", fix="Wait a moment, then try again.")
    return _there(scope.files.path(dataset.sha256), dataset)


@verbs.reads("datasets")
def download(scope: Scope, identifier: str, *, original: bool = False) -> tuple[Path, str]:
    """Return a dataset's rows and a name for them, or the `original`: the file that they were made from.

    Raises:
        Conflict: when the file is missing on the disk.
        NotFound: when the rows are what was brought, and the original is asked for.
    """
    dataset = get(scope, identifier)
    if original and dataset.origins:
        origin = dataset.origins[0]
        return _there(scope.files.path(origin.sha256), dataset), origin.filename
    if original:
        raise NotFound("original", identifier, fix="Its rows are what was brought: download the dataset itself.")
    name = f"{Path(dataset.filename).stem}.jsonl" if dataset.origins else dataset.filename
    return path(scope, identifier), name


@verbs.reads("datasets")
def canonical(scope: Scope, identifier: str) -> Path:
    """Return the file with the dataset's canonical rows, which is made when it is first asked for.

    Raises:
        Conflict: when the dataset's file is missing on the disk.
        Invalid: when a row cannot be understood.
    """
    sha256 = path(scope, identifier).name
    scope.release()
    return canonical_of(scope, sha256)


@verbs.reads("datasets")
def canonical_of(scope: Scope, sha256: str, *, source: str = "") -> Path:
    """Return the same for a stored file by its hash; with the lines of the `source` that it is a part of, if one is."""
    made = scope.files.rows_path(sha256, source)
    if not made.is_file():
        half = scope.files.temporary()
        try:
            write_canonical(scope.files.path(sha256), half, source=scope.files.path(source) if source else None)
            reached(CrashPoint.CONVERSION_HALF_WRITTEN)
            half.replace(made)
        finally:
            half.unlink(missing_ok=True)
    return made


@verbs.reads("datasets")
def rows(scope: Scope, identifier: str, *, start: int = 1, limit: int = 20) -> Sequence[Row]:
    """Return rows from line number `start` on, as they are shown."""
    file = path(scope, identifier)
    dataset = get(scope, identifier)
    scope.release()
    return read_rows(file, _index(scope, dataset), start, limit)


@verbs.reads("datasets")
def find_rows(scope: Scope, identifier: str, text: str, *, start: int = 1, limit: int = 20) -> Finds:
    """Return rows from line number `start` on that hold a text, and the line to go on from."""
    file, dataset = path(scope, identifier), get(scope, identifier)
    scope.release()
    return search.find_rows(file, _index(scope, dataset), text, start, limit)


@verbs.reads("datasets")
def row_text(scope: Scope, identifier: str, line: int) -> str | None:
    """Return a row's text as it can be edited; None where it is too long for that, or is in no known encoding.

    Raises:
        NotFound: when there is no row in that line.
    """
    file, dataset = path(scope, identifier), get(scope, identifier)
    scope.release()
    index = _index(scope, dataset)
    if not 1 <= line <= index.lines:
        raise NotFound("line", str(line), fix="Open the dataset's rows, and choose one.")
    found = line_at(file, index, line, MAX_ROW_BYTES)
    try:
        return None if found is None else mended(found, [BY_NAME["encoding"]]).decode()
    except UnicodeDecodeError:
        return None


@verbs.deletes("datasets")
def delete(scope: Scope, identifier: str) -> None:
    """Remove a dataset with its parts, and their files where nobody else has the same bytes; later versions stay.

    Raises:
        Conflict: while a job or an evaluation refers to it.
    """
    tx = scope.write
    dataset = get(scope, identifier)
    used = usage_store.counts(tx, [identifier]).get(identifier)
    if used is not None or usage_store.is_used(tx, identifier):
        message = f"The dataset {dataset.name!r} is used by {used or 'work that you cannot see'}."
        raise Conflict(message, fix="Keep it: what was trained and judged on must stay known. Its lineage names them.")
    _remove(scope, dataset)


@verbs.reads("datasets")
def refused(scope: Scope) -> Sequence[Dataset]:
    """Return the uploads that were refused and have not gone yet, the newest first."""
    return store.refused(scope.read)[::-1]


@verbs.deletes("datasets", verbs.LATER)
def forget_refused(scope: Scope) -> int:
    """Remove uploads that were refused a while ago (`REFUSED_KEPT`), with their files; return how many."""
    old = store.refused(scope.write, before=scope.now() - REFUSED_KEPT)
    for each in old:
        _remove(scope, each)
    return len(old)


@verbs.writes("datasets", verbs.LATER)
def forget_unused(scope: Scope, hashes: Iterable[str]) -> None:
    """Remove files that no dataset holds, by their hashes."""
    for sha256 in set(hashes):
        if not store.content_users(scope.write, sha256):
            scope.files.remove(sha256)


def _remove(scope: Scope, dataset: Dataset) -> None:
    going = store.going(scope.write, dataset.id)
    doomed = {each.sha256 for each in going} | {origin.sha256 for each in going for origin in each.origins}
    store.remove(scope.write, dataset.id)
    forget_unused(scope, doomed)


@verbs.reads("datasets")
def ready(scope: Scope, *, limit: int) -> Sequence[Dataset]:
    """Return those of the newest datasets, parts included, that may be trained on and evaluated with."""
    return [each for each in list_datasets(scope, with_parts=True, limit=limit).items if each.is_ready]


def ready_problem(dataset: Dataset, pointer: str) -> Problem | None:
    """Return why a dataset cannot be trained on, if it cannot."""
    match dataset.status:
        case DatasetStatus.READY:
            return None
        case DatasetStatus.VALIDATING:
            message = f"The dataset {dataset.name!r} is still being checked."
            return Problem(pointer, "validating", message, "Wait a moment, then try again.")
        case DatasetStatus.NEEDS_FIXING:
            message = f"The dataset {dataset.name!r} has {dataset.errors} error{'' if dataset.errors == 1 else 's'}."
            return Problem(pointer, "needs_fixing", message, "Open its findings, fix the file, and upload it again.")
        case DatasetStatus.NEEDS_MAPPING:
            message = f"The columns of the dataset {dataset.name!r} are in no known format."
            return Problem(pointer, "needs_mapping", message, "Open the dataset, and say what each column is.")
        case DatasetStatus.REJECTED:
            message = f"The dataset {dataset.name!r} is not a file that can be trained on."
            return Problem(pointer, "rejected", message, "Open its findings to see why, and upload another file.")


def _there(file: Path, dataset: Dataset) -> Path:
    if not file.is_file():
        raise Conflict(f"The file of dataset {dataset.name!r} is missing on the disk.", fix="Upload it again.")
    return file


def _index(scope: Scope, rows: StoredFile | Dataset) -> LineIndex:
    where = scope.files.index_path(rows.sha256)
    index = load_index(where) if where.is_file() else None
    if index is None:
        index = build_index(scope.files.path(rows.sha256))
        save_index(index, where)
    return index
