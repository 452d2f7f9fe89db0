"""Verbs on handing out a dataset's rows in other formats than the one they are kept in."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.data.exports import exporting
from app.data.exports.columns import Unfit
from app.domain.datasets import Dataset, DatasetStatus
from app.domain.downloads import DownloadFormat
from app.domain.errors import Conflict, Invalid, Problem
from app.services import datasets, verbs
from app.services.scope import Scope

_ENDINGS = {".gz", ".gzip", ".bz2", ".xz", ".zst", ".zstd", ".zip"}


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is made while it is given, and what it is called."""

    filename: str
    media_type: str
    pieces: Iterator[bytes]


def one_of_both(original: bool, wanted: DownloadFormat | None) -> None:  # noqa: FBT001 - a request's own flag
    """Return if the original and a format were not asked for at once.

    Raises:
        Invalid: otherwise.
    """
    if original and wanted is not None:
        message = "The original is handed out as it was brought, in no other format."
        raise Invalid([Problem("/format", "mismatch", message, "Leave out `original`, or `format`.")])


@verbs.reads("datasets")
def in_format(scope: Scope, identifier: str, wanted: DownloadFormat) -> Download:
    """Return a dataset's rows in a format. They are read once before it answers, which may take long.

    Raises:
        Conflict: while the dataset is being checked, when it has no rows, when its file is missing, or when the format
            cannot hold the rows.
    """
    dataset = datasets.get(scope, identifier)
    if dataset.status is DatasetStatus.VALIDATING:
        raise Conflict(f"The dataset {dataset.name!r} is still being checked.", fix="Wait a moment, then try again.")
    if dataset.status is DatasetStatus.REJECTED:
        message = f"The file of {dataset.name!r} has no rows."
        raise Conflict(message, fix="Download it as it was brought: leave out the format.")
    file = datasets.path(scope, identifier)
    scope.release()
    try:
        made = exporting.pieces(file, wanted)
    except Unfit as error:
        raise Conflict(error.message, fix=error.fix) from error
    return Download(f"{_stem(dataset)}.{wanted}", wanted.media_type, made)


def _stem(dataset: Dataset) -> str:
    """Return the name of a dataset's file without what says how it was written and packed."""
    path = Path(dataset.filename)
    while path.suffix.lower() in _ENDINGS:
        path = path.with_suffix("")
    return path.stem or "rows"
