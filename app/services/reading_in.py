"""From a stored file to rows that were checked: made into JSON Lines where it is something else."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from app.data.imports.container import ImportLimits, Refused
from app.data.imports.importing import Imported, Importer, is_imported, is_packed
from app.data.imports.positions import Positions
from app.data.validation import Background, validate
from app.domain.datasets import Dataset, DatasetReport, UploadedFile
from app.kit.crash_points import CrashPoint, reached
from app.kit.progress import counted_as
from app.store.files import FileStore, StoredFile

_UNPACKED = 4  # times the largest file that is taken, which rows may come to
_PACKED = 16  # times its size that an archive of texts may well unpack to


@dataclass(frozen=True, slots=True)
class Checked:
    """A file of rows, what was found in it (None where that is yet to come), and what it was made from.

    `passing` are hashes of files that are needed no more once this is recorded.
    """

    rows: StoredFile
    report: DatasetReport | None = None
    origins: Sequence[UploadedFile] = ()
    passing: Sequence[str] = ()

    def of(self, dataset: Dataset) -> Dataset:
        """Return a dataset with these rows."""
        return replace(dataset, sha256=self.rows.sha256, bytes=self.rows.bytes, origins=self.origins)


def is_large(stored: StoredFile, filename: str, most: int) -> bool:
    """Return whether a file comes to more than so many bytes, archives unpacked by a usual measure."""
    return stored.bytes * (_PACKED if is_packed(stored.path, filename) else 1) > most


def work_of(stored: StoredFile, filename: str) -> int:
    """Return how many bytes are passed while a file is read in: its own, and as many for the rows made of it."""
    return stored.bytes * (2 if is_imported(stored.path, filename) else 1)


def read_in(files: FileStore, stored: StoredFile, filename: str) -> Checked:
    """Make rows of a file where it is none of JSON Lines, and check them; may take long: hold no transaction.

    Raises:
        StorageFull: when the disk has no room for the rows.
    """
    limits = ImportLimits(unpacked_bytes=files.upload_limit * _UNPACKED)
    importer = Importer(files.temporary, limits=limits, check_room=files.check_room)
    try:
        made = importer.run(stored.path, filename)
    except Refused as error:
        return Checked(stored, validate(stored.path, Background(refused=error.issue), sha256=stored.sha256))
    if made is None:
        return Checked(stored, check(files, stored))
    reached(CrashPoint.IMPORT_HALF_WRITTEN)
    rows = files.keep(made.path)
    origins = (_origin(made, stored, rows, filename),)
    made.positions.save(files.positions_path(stored.sha256, rows.sha256))
    with counted_as(stored.bytes, of=rows.bytes):
        return Checked(rows, check(files, rows, origins, made), origins)


def check(
    files: FileStore, rows: StoredFile, origins: Sequence[UploadedFile] = (), made: Imported | None = None
) -> DatasetReport:
    """Check rows; findings say where in their origin they stood."""
    known = known_of(files, origins)
    return validate(rows.path, replace(known, issues=made.notes) if made else known, sha256=rows.sha256)


def known_of(files: FileStore, origins: Sequence[UploadedFile]) -> Background:
    """Return what validation should know of rows that were made from these files."""
    if not origins:
        return Background()
    positions = [positions_of(files, each) for each in origins]
    return Background(columns=origins[0].columns, source=partial(_source, origins, positions))


def brought_lines(dataset: Dataset) -> UploadedFile:
    """Return a dataset's own file, which was JSON Lines when it was brought, as what other rows are made from."""
    return own_lines(StoredFile(dataset.sha256, dataset.bytes, Path()), dataset.filename)


def own_lines(stored: StoredFile, filename: str) -> UploadedFile:
    """Return a file of JSON Lines as what rows are made from: its own lines."""
    return UploadedFile(
        filename=filename,
        kind="jsonl",
        words="JSON Lines",
        confidence=1.0,
        sha256=stored.sha256,
        bytes=stored.bytes,
        made=stored.sha256,
        unit="line",
    )


def positions_of(files: FileStore, origin: UploadedFile) -> Positions:
    """Return where rows stood in a file that they were made from."""
    if origin.made == origin.sha256:
        return Positions((1, 1, 1))
    return Positions.load(files.positions_path(origin.sha256, origin.made))


def _source(origins: Sequence[UploadedFile], positions: Sequence[Positions], row: int) -> str:
    at = max(bisect_left(origins, row, key=lambda each: each.shift) - 1, 0)  # the file whose rows begin before this one
    origin = origins[at]
    position = positions[at].of(row - origin.shift) if origin.unit and row > origin.shift else 0
    return f"{origin.unit} {position} of {origin.filename}" if position else ""


def _origin(made: Imported, stored: StoredFile, rows: StoredFile, filename: str) -> UploadedFile:
    seen = made.recognition
    return UploadedFile(
        filename=filename,
        kind=made.kind,
        words=made.words,
        confidence=seen.confidence,
        sha256=stored.sha256,
        bytes=stored.bytes,
        made=rows.sha256,
        unit=made.unit,
        columns=len(seen.names) or None,
        header=seen.header,
    )
