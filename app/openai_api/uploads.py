"""Uploads in parts below `/v1`, for files that no single request should bring."""

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.domain.datasets import Dataset
from app.domain.openai_names import PART, UPLOAD, outside
from app.domain.uploads import UploadInParts
from app.http.body_stream import BodyChunks
from app.http.dependencies import may_with_key
from app.http.fields import MAX_WHOLE, READS_WHOLE, RequestModel
from app.http.multipart import FormParts
from app.openai_api.files import file_body
from app.openai_api.routing import Identifier, ProjectHeader, answer, ours, seconds, wire
from app.services import openai_files
from app.services.scope import Scope

router = wire()
_MOST_PARTS = 10_000


class UploadIn(RequestModel):
    """A file that is to be brought in parts. Of the kind of its contents nothing is made: rows are recognised."""

    filename: Annotated[str, Field(min_length=1, max_length=255)]
    purpose: Annotated[str, Field(max_length=100)]
    bytes: Annotated[int, Field(ge=1, le=MAX_WHOLE), READS_WHOLE]
    mime_type: Annotated[str, Field(max_length=200)]
    expires_after: None = None


class CompleteIn(RequestModel):
    """Which parts make the file, in their order; `md5` (hex) of all its bytes, to be compared."""

    part_ids: Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=_MOST_PARTS)]
    md5: Annotated[str, Field(max_length=64)] | None = None


@router.post("/uploads")
def begin_parts(scope: Annotated[Scope, may_with_key(openai_files.begin_parts)], body: UploadIn) -> Response:
    """Say what file is to be brought."""
    made = openai_files.begin_parts(scope, filename=body.filename, size=body.bytes, purpose=body.purpose)
    return answer(_body(made))


@router.post("/uploads/{identifier}/parts")
def add_part(
    request: Request, scope: Annotated[Scope, may_with_key(openai_files.add_part)], identifier: Identifier
) -> Response:
    """Bring one part, at most 64 MiB; several may come at once."""
    upload = ours(identifier, UPLOAD, "up", "upload")
    parts = FormParts(request.headers.get("content-type", ""), BodyChunks(request))
    made = openai_files.add_part(scope, upload, openai_files.part_of(scope, parts))
    created = seconds(scope.now())
    return answer({"id": outside(made, PART), "object": "upload.part", "created_at": created, "upload_id": identifier})


@router.post("/uploads/{identifier}/complete")
def complete_upload(
    scope: Annotated[Scope, may_with_key(openai_files.complete)],
    identifier: Identifier,
    body: CompleteIn,
    openai_project: ProjectHeader = "",
) -> Response:
    """Make the parts a file."""
    upload = ours(identifier, UPLOAD, "up", "upload")
    parts = [ours(each, PART, "prt", "part") for each in body.part_ids]
    done, made = openai_files.complete(scope, upload, parts, md5=body.md5, wanted_project=openai_project)
    return answer(_body(done, made))


@router.post("/uploads/{identifier}/cancel")
def cancel_upload(
    scope: Annotated[Scope, may_with_key(openai_files.cancel_upload)], identifier: Identifier
) -> Response:
    """Remove what is here of a file."""
    return answer(_body(openai_files.cancel_upload(scope, ours(identifier, UPLOAD, "up", "upload"))))


def _body(upload: UploadInParts, made: Dataset | None = None) -> dict[str, Any]:
    return {
        "id": outside(upload.id, UPLOAD),
        "object": "upload",
        "bytes": upload.bytes,
        "created_at": seconds(upload.created_at),
        "filename": upload.filename,
        "purpose": openai_files.FINE_TUNE,
        "status": upload.status.value,
        "expires_at": seconds(upload.expires_at),
        "file": None if made is None else file_body(made),
    }
