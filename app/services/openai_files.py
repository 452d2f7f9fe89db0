"""Verbs on files as OpenAI's clients bring them: a form in any order, or parts whose order is said at the end."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import PurePosixPath

from app.domain.actors import Role
from app.domain.datasets import Dataset
from app.domain.errors import Conflict, Invalid, NotFound, Problem, TooLarge
from app.domain.names import fitting_name
from app.domain.projects import Project
from app.domain.uploads import FormPart, PartsStatus, UploadInParts
from app.kit.paging import Page
from app.services import datasets, projects, verbs
from app.services.scope import Scope
from app.store import datasets as store
from app.store.files import StoredFile
from app.store.upload_parts import UploadParts

FINE_TUNE, RESULTS = "fine-tune", "fine-tune-results"
EXPIRES = timedelta(hours=1)
_OPENAIS_OWN = "proj_"  # how ids of projects at OpenAI begin
_LONGEST_FIELD = 1000
_MIB = 2**20


@verbs.writes("projects", verbs.LATER)
def project(scope: Scope, wanted: str) -> Project:
    """Return the project that a request is about: the one that `OpenAI-Project` names by id or name, else the default.

    An id of a project at OpenAI, which scripts bring along in their environment, means nothing here.

    Raises:
        NotFound: it names none.
    """
    return check_project(scope, wanted) or projects.default(scope)


@verbs.reads("projects")
def check_project(scope: Scope, wanted: str) -> Project | None:
    """Return the project that is named, None where it is to be the default one.

    Raises:
        NotFound: there is no project of that id or name.
    """
    if not wanted or wanted.startswith(_OPENAIS_OWN):
        return None
    named = (identifier for identifier, name in projects.names(scope).items() if name == wanted)
    return projects.get(scope, next(named, wanted))


@verbs.writes("datasets", verbs.LATER)
def create(scope: Scope, parts: Iterable[FormPart], wanted_project: str) -> Dataset:
    """Store the file of a form and record it as a dataset; the same bytes under the same name are the same dataset.

    Raises:
        Invalid: the form lacks a field, has one that cannot be honoured, or the file is empty.
        NotFound: there is no such project.
        TooLarge, StorageFull: when the bytes do not fit.
    """
    check_project(scope, wanted_project)
    scope.release()
    fields: dict[str, str] = {}
    stored: StoredFile | None = None
    filename = ""
    try:
        for part in parts:
            if part.name == "file" and part.filename is not None and stored is None:
                filename = part.filename
                stored = scope.files.store(part.chunks)
            else:
                fields[part.name] = _text(part)
                check_fields(fields)
        kept = _complete(fields, stored)
        return _recorded(scope, kept, filename, wanted_project)
    except Exception:
        if stored is not None:
            datasets.forget_unused(scope, [stored.sha256])
        raise


def _text(part: FormPart) -> str:
    text = b""
    for chunk in part.chunks:
        text += chunk
        if len(text) > _LONGEST_FIELD:
            raise Invalid([Problem(f"/{part.name[:80]}", "length", "The field is too long.", "Shorten it.")])
    return text.decode("utf-8", "replace")


@verbs.reads("datasets")
def part_of(scope: Scope, parts: Iterable[FormPart]) -> FormPart:
    """Return the part of a form that brings a piece of a file.

    Raises:
        Invalid: there is none, or other fields stand before it.
    """
    del scope
    for part in parts:
        if part.name == "data":
            return part
        raise Invalid(
            [Problem(f"/{part.name[:80]}", "unknown_parameter", "There is no such field here.", "Remove it.")]
        )
    raise Invalid([Problem("/data", "missing", "data: this field is needed.", "Send the part as the field data.")])


def check_fields(fields: dict[str, str]) -> None:
    """Return if the fields of a form, besides its file, can be honoured.

    Raises:
        Invalid: otherwise.
    """
    for name, value in fields.items():
        if name == "purpose":
            check_purpose(value)
        elif name.startswith("expires_after"):
            fix = "Leave expires_after out; delete the file when it is not needed any more."
            raise Invalid([Problem("/expires_after", "unsupported", "Files do not expire here.", fix)])
        elif name == "file":
            fix = "Send the file as a part with a filename, and once."
            raise Invalid([Problem("/file", "invalid", "The file comes as a text, or comes twice.", fix)])
        else:
            raise Invalid([Problem(f"/{name[:80]}", "unknown_parameter", "There is no such field here.", "Remove it.")])


def check_purpose(purpose: str) -> None:
    """Return if files of a purpose are kept here.

    Raises:
        Invalid: otherwise.
    """
    if purpose != FINE_TUNE:
        message = f"Files of the purpose {purpose[:40]!r} are not kept here."
        raise Invalid([Problem("/purpose", "unsupported", message, f"Use {FINE_TUNE}.")])


def _complete(fields: dict[str, str], stored: StoredFile | None) -> StoredFile:
    problems = []
    if stored is None:
        problems.append(Problem("/file", "missing", "file: this field is needed.", "Send the file with its name."))
    if "purpose" not in fields:
        problems.append(Problem("/purpose", "missing", "purpose: this field is needed.", f"Send {FINE_TUNE}."))
    if problems or stored is None:
        raise Invalid(problems)
    return stored


def _recorded(scope: Scope, stored: StoredFile, filename: str, wanted_project: str) -> Dataset:
    shown = PurePosixPath(filename.replace("\\", "/")).name or "file.jsonl"
    checked = datasets.read_stored(scope, stored, shown)
    into = project(scope, wanted_project)  # made now if need be: until here no transaction was open
    label = fitting_name(shown, "file")
    return datasets.record(scope, checked, name=label, filename=shown, project=into.id, made_by="upload")


@verbs.reads("datasets")
def list_files(scope: Scope, *, after: str | None, limit: int, ascending: bool) -> Page[Dataset]:
    """Return one page of all files that were brought, refused ones and those that were changed since among them.

    Raises:
        NotFound: there is no such dataset as `after`.
    """
    if after is not None:
        datasets.get(scope, after)
    return store.files(scope.read, after=after, limit=limit, ascending=ascending)


@verbs.deletes("datasets")
def delete(scope: Scope, identifier: str) -> None:
    """Remove a file. One that a job uses stays, whoever asks: what was trained on must stay known."""
    datasets.delete(scope, identifier)


@verbs.writes("datasets", verbs.LATER)
def begin_parts(scope: Scope, *, filename: str, size: int, purpose: str) -> UploadInParts:
    """Make room for a file of so many bytes that comes in parts, within an hour.

    Raises:
        Invalid: the purpose is none that is kept here.
        TooLarge, StorageFull: when the bytes do not fit.
    """
    check_purpose(purpose)
    if size > scope.files.upload_limit:
        limit = scope.files.upload_limit // _MIB
        raise TooLarge(f"The file is larger than {limit} MiB.", fix="Split it into several files.")
    scope.files.check_room(2 * size)  # the parts, and the file that is made of them
    uploads, now = UploadParts(scope.files), scope.now()
    uploads.remove_older((now - 2 * EXPIRES).timestamp())  # with the parts of those that were completed
    upload = UploadInParts(
        id=scope.new_id("up"),
        filename=filename,
        bytes=size,
        created_at=now,
        expires_at=now + EXPIRES,
        created_by=scope.actor.asks_as,
    )
    uploads.save(upload)
    return upload


@verbs.reads("datasets")
def get_upload(scope: Scope, identifier: str) -> UploadInParts:
    """Return an upload in parts as it is now; people see their own."""
    upload = UploadParts(scope.files).get(identifier)
    if scope.actor.role is Role.PERSON and upload.created_by != scope.actor.asks_as:
        raise NotFound("upload", identifier)
    late = upload.status is PartsStatus.PENDING and scope.now() >= upload.expires_at
    return replace(upload, status=PartsStatus.EXPIRED) if late else upload


@verbs.writes("datasets", verbs.LATER)
def add_part(scope: Scope, identifier: str, part: FormPart) -> str:
    """Keep a part of a file; return its id.

    Raises:
        NotFound, Conflict: there is no such upload, or it is over.
        TooLarge, StorageFull: when the bytes do not fit.
    """
    upload = get_upload(scope, identifier)
    _raise_if_over(upload)
    made = scope.new_id("prt")
    UploadParts(scope.files).add(upload, made, part.chunks)
    return made


@verbs.writes("datasets", verbs.LATER)
def complete(
    scope: Scope, identifier: str, parts: Sequence[str], *, md5: str | None, wanted_project: str
) -> tuple[UploadInParts, Dataset]:
    """Make the parts, in this order, a file and a dataset; asked again, the same one.

    Raises:
        NotFound, Conflict: there is no such upload, or it is over.
        Invalid: the parts are not the file that was said.
    """
    uploads = UploadParts(scope.files)
    upload = get_upload(scope, identifier)
    made = datasets.many(scope, [upload.dataset or ""]).get(upload.dataset or "")
    if made is not None:
        return upload, made
    if upload.status is PartsStatus.COMPLETED:  # what was recorded of it did not come to be: the parts are here still
        upload = replace(upload, status=PartsStatus.PENDING)
    _raise_if_over(upload)
    check_project(scope, wanted_project)
    scope.release()
    made = _recorded(scope, uploads.whole(upload, parts, md5), upload.filename, wanted_project)
    done = replace(upload, status=PartsStatus.COMPLETED, dataset=made.id)
    uploads.save(done)
    return done, made


@verbs.deletes("datasets", verbs.LATER)
def cancel_upload(scope: Scope, identifier: str) -> UploadInParts:
    """Remove the parts of a file that is not wanted any more; asking again is fine.

    Raises:
        NotFound, Conflict: there is no such upload, or it is over.
    """
    known = get_upload(scope, identifier)
    if known.status is PartsStatus.CANCELLED:
        return known
    _raise_if_over(known)
    uploads, over = UploadParts(scope.files), replace(known, status=PartsStatus.CANCELLED)
    uploads.save(over)
    uploads.forget_parts(identifier)
    return over


def _raise_if_over(upload: UploadInParts) -> None:
    if upload.status is not PartsStatus.PENDING:
        raise Conflict(f"The upload is {upload.status} already.", fix="Begin another one.")
