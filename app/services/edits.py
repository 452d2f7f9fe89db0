"""Verbs on edits: change a dataset's rows, looked at before, into a new version of it; the old one stays as it is."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from app.data.editing import Edited, edit, passes, write_head
from app.data.fixes import FIXES
from app.data.limits import DEFAULT
from app.data.syntax import read_line
from app.domain.datasets import Dataset, DatasetStatus, Severity, UploadedFile
from app.domain.edits import MAX_LINES, MAX_ROW_BYTES, DatasetEdit, EditPreview, OfferedFix
from app.domain.errors import Conflict, Invalid, Problem
from app.services import datasets, verbs
from app.services.reading_in import Checked, brought_lines, check, known_of, positions_of
from app.services.scope import Scope
from app.store import codec, planned
from app.store import datasets as store
from app.store.files import StoredFile

_MADE_BY = "edit:"


@verbs.reads("datasets")
def offered(scope: Scope, identifier: str) -> Sequence[OfferedFix]:
    """Return the automatic fixes that the findings of a dataset ask for."""
    report = datasets.report(scope, identifier)
    counts = {each.rule: each.count for each in report.rules} if report else {}
    found = [(fix, sum(counts.get(rule.id, 0) for rule in fix.rules)) for fix in FIXES]
    return [OfferedFix(name=fix.name, title=fix.title, safe=fix.safe, findings=count) for fix, count in found if count]


@verbs.reads("datasets")
def preview(scope: Scope, identifier: str, wanted: DatasetEdit) -> EditPreview:
    """Return what an edit would do, the first changed rows before and after; makes nothing.

    Of a file that is larger than what is checked at once, only so much of its beginning is looked at.

    Raises:
        Invalid: when the edit names what is not there, or a row that is no row.
        Conflict: while the dataset is being checked.
    """
    dataset = _editable(scope, identifier, wanted)
    file = datasets.path(scope, identifier)
    most = scope.app_context.at_once_bytes
    scope.release()
    with _scratch(scope) as made:
        lines = None
        if dataset.bytes > most:
            file, whole = made(), file
            lines = write_head(whole, file, most)
        known = known_of(scope.files, dataset.origins)
        _, done = edit(file, wanted, known, made)
        rows = dataset.rows or 0 if lines is None else lines
        return EditPreview(
            rows_before=rows,
            rows_after=rows - done.dropped,
            changed=done.changed,
            dropped=done.dropped,
            errors=done.errors,
            lines=lines,
            changes=done.changes,
        )


@verbs.writes("datasets")
def apply(scope: Scope, identifier: str, wanted: DatasetEdit) -> Dataset:
    """Make a version of the dataset with the edit's rows; the same edit again finds the version of the first time.

    What was made from the dataset before, and jobs that train on it, keep its rows. A large file is changed by the
    engine (`carry_out`); until then the version is being checked.

    Raises:
        Invalid, Conflict: as `preview`, and of a file that is not large when no row would be left, or none changed.
    """
    source = _editable(scope, identifier, wanted)
    key = hashlib.sha256(codec.dump(wanted).encode()).hexdigest()[:16]
    made_by = f"{_MADE_BY}{key}"
    known = store.child(scope.read, source.id, made_by)
    if known is not None:
        return known
    file = datasets.path(scope, identifier)
    scope.release()
    if source.bytes > scope.app_context.at_once_bytes:
        planned.keep(scope.files, scope.files.edit_path(source.sha256, key), wanted)
        stored = StoredFile(source.sha256, source.bytes, file)
        return datasets.revise(scope, source, stored, origins=source.origins, made_by=made_by)
    with _scratch(scope) as made:
        path, done = edit(file, wanted, known_of(scope.files, source.origins), made)
        if not done.changed and not len(done.removed):
            raise Invalid([Problem("", "unchanged", "Nothing would change.", "Choose what is to be done.")])
        if (source.rows or 0) <= done.dropped:
            message = "No row would be left."
            raise Invalid([Problem("", "no_rows", message, "Fix the rows in the file, and upload it again.")])
        scope.files.check_room()
        stored = scope.files.keep(path)
    origins = _origins(scope, source, stored, done)
    return datasets.revise(scope, source, stored, origins=origins, made_by=made_by)


@verbs.writes("datasets")
def carry_out(scope: Scope, identifier: str) -> Checked | None:
    """Make the rows of a version whose edit is still to be carried out; None of any other dataset.

    Records nothing, and holds no transaction (the engine records). May be repeated.
    """
    dataset = datasets.get(scope, identifier)
    if not dataset.made_by.startswith(_MADE_BY):
        return None
    key = dataset.made_by.removeprefix(_MADE_BY)
    wanted = planned.kept(DatasetEdit, scope.files.edit_path(dataset.sha256, key))
    if wanted is None:
        return None
    file = scope.files.path(dataset.sha256)
    scope.release()
    progress = scope.app_context.progress.of(identifier, (passes(wanted) + 1) * dataset.bytes)
    with progress, _scratch(scope) as made:
        path, done = edit(file, wanted, known_of(scope.files, dataset.origins), made)
        scope.files.check_room()
        stored = scope.files.keep(path)
        origins = _origins(scope, dataset, stored, done)
        return Checked(stored, check(scope.files, stored, origins), origins)


def _editable(scope: Scope, identifier: str, wanted: DatasetEdit) -> Dataset:
    dataset = datasets.get(scope, identifier)
    report = datasets.report(scope, identifier)
    if dataset.status is DatasetStatus.VALIDATING or report is None:
        raise Conflict(f"The dataset {dataset.name!r} is still being checked.", fix="Wait a moment, then try again.")
    if dataset.status is DatasetStatus.REJECTED:
        raise Conflict(f"The file of {dataset.name!r} has no rows that could be edited.", fix="Upload another file.")
    names = {fix.name for fix in FIXES}
    problems = [
        Problem(f"/fixes/{n}", "unknown", f"There is no fix {name[:40]!r}.", f"Use {', '.join(sorted(names))}.")
        for n, name in enumerate(wanted.fixes)
        if name not in names
    ]
    if len(wanted.exclude) + len(wanted.replace) > MAX_LINES:
        message = f"The edit names more than {MAX_LINES:,} lines."
        problems.append(Problem("/exclude", "length", message, "Make several edits, one after the other."))
    for pointer, lines in (("/exclude", wanted.exclude), ("/replace", wanted.replace)):
        beyond = [line for line in lines if not 1 <= line <= report.lines]
        if beyond:
            message = f"There is no line {beyond[0]}: the file has {report.lines:,}."
            problems.append(Problem(pointer, "unknown_line", message, "Name lines of the file, counted from 1."))
    for line, text in wanted.replace.items():
        problems += _row_problems(f"/replace/{line}", text)
    if problems:
        raise Invalid(problems)
    return dataset


def _row_problems(pointer: str, text: str) -> Iterator[Problem]:
    """Yield why a text is no row of JSON Lines; whether it is a good row is said by the new version's findings."""
    content = text.encode(errors="surrogatepass")
    if len(content) > MAX_ROW_BYTES or "\n" in text:
        long = f"The row is longer than {MAX_ROW_BYTES:,} bytes."
        message = "The row has more than one line." if "\n" in text else long
        yield Problem(pointer, "row_text", message, "Write one JSON object on one line.")
        return
    reading = read_line(content, depth=DEFAULT.depth)
    for issue in reading.issues:
        if issue.rule.severity is Severity.ERROR:
            yield Problem(pointer, "row_text", issue.message, issue.fix or issue.rule.fix)
    if reading.readable and not isinstance(reading.value, dict):
        yield Problem(pointer, "row_text", "The row is no JSON object.", 'Write an object: {"…": "…"}.')


@contextmanager
def _scratch(scope: Scope) -> Iterator[Callable[[], Path]]:
    """Give what makes empty files; those that are there still in the end are removed."""
    made: list[Path] = []

    def new() -> Path:
        made.append(scope.files.temporary())
        return made[-1]

    try:
        yield new
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def _origins(scope: Scope, source: Dataset, stored: StoredFile, done: Edited) -> Sequence[UploadedFile]:
    """Return where the rows are from, and keep which of its lines each of them was."""
    files, made = scope.files, list[UploadedFile]()
    for origin in source.origins or [brought_lines(source)]:
        gone = [line - origin.shift for line in done.removed if line > origin.shift]
        positions_of(files, origin).without(gone).save(files.positions_path(origin.sha256, stored.sha256))
        before = len(done.removed) - len(gone)
        made.append(replace(origin, made=stored.sha256, shift=origin.shift - before))
    return made
