"""Verbs on uploads: bring a file piece by piece, and go on after a cut where it stopped."""

from collections.abc import Iterable
from datetime import timedelta

from app.domain.actors import Role
from app.domain.datasets import Dataset
from app.domain.errors import Invalid, NotFound, Problem, TooLarge
from app.domain.uploads import Upload
from app.services import datasets, verbs
from app.services.scope import Scope
from app.store.uploads import Uploads

KEPT = timedelta(days=7)  # since the last byte
_MIB = 2**20


@verbs.writes("datasets", verbs.NAMED)
def begin(scope: Scope, *, filename: str, size: int) -> Upload:
    """Make room for a file of so many bytes.

    Raises:
        Invalid: for an empty one.
        TooLarge, StorageFull: when the bytes do not fit.
    """
    if size < 1:
        fix = "Choose a file with rows: JSON Lines, CSV, or a JSON array."
        raise Invalid([Problem("/bytes", "empty", "The file is empty.", fix)])
    if size > scope.files.upload_limit:
        limit = scope.files.upload_limit // _MIB
        raise TooLarge(f"The file is larger than {limit} MiB.", fix="Split it into several datasets.")
    uploads = Uploads(scope.files)
    uploads.remove_older(scope.due_now() - KEPT.total_seconds())
    upload = Upload(id=scope.new_id("up"), filename=filename, bytes=size, received=0, created_by=scope.actor.asks_as)
    uploads.begin(upload)
    return upload


@verbs.reads("datasets")
def get(scope: Scope, identifier: str) -> Upload:
    """Return how far an upload has come; people see their own."""
    upload = Uploads(scope.files).get(identifier)
    if scope.actor.role is Role.PERSON and upload.created_by != scope.actor.asks_as:
        raise NotFound("upload", identifier)
    return upload


@verbs.writes("datasets", verbs.LATER)
def append(scope: Scope, identifier: str, offset: int, chunks: Iterable[bytes]) -> Upload:
    """Write what comes behind the bytes that are here; those that came stay, wherever it is cut.

    Raises:
        NotFound: when there is no such upload.
        Conflict: when another number of bytes is here than `offset`, or more come than were said.
        StorageFull: when the disk has no room.
    """
    get(scope, identifier)
    scope.release()
    return Uploads(scope.files).append(identifier, offset, chunks)


@verbs.writes("datasets", verbs.NAMED)
def finish(scope: Scope, identifier: str, *, name: object, project: str | None = None) -> Dataset:
    """Record a whole file as a dataset; asked again, the same one.

    Raises:
        NotFound: when there is no such upload, or no such project.
        Conflict: when bytes are missing.
        Invalid: when the name is wrong.
    """
    uploads = Uploads(scope.files)
    filename = get(scope, identifier).filename
    return datasets.bring(scope, lambda: uploads.take(identifier), name=name, filename=filename, project=project)


@verbs.deletes("datasets", verbs.LATER)
def discard(scope: Scope, identifier: str) -> None:
    """Remove what is here of a file."""
    get(scope, identifier)
    Uploads(scope.files).remove(identifier)
