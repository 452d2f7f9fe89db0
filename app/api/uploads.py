"""REST on uploads: a file in pieces, over as many connections as it takes."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from app.api.answers import CREATED, NO_CONTENT, answer, nothing
from app.api.routing import PathId, noun
from app.api.shapes.uploads import FinishIn, PieceQuery, UploadIn
from app.domain.datasets import Dataset
from app.domain.uploads import Upload
from app.http.body_stream import BodyChunks, raw_body
from app.http.dependencies import may
from app.services import uploads
from app.services.scope import Scope

router = noun("uploads", asks=False)

# A connection that was cut before its first byte sends an empty piece, which is none the worse.
RAW_PIECE = {
    "requestBody": {
        "description": "The rest of the file, or a piece of it.",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"},
                "example": '{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]}\n',
            }
        },
    }
}


@router.post("", response_model=Upload, status_code=CREATED)
def begin_upload(scope: Annotated[Scope, may(uploads.begin)], body: UploadIn) -> Response:
    """Say what file is to be brought; its bytes come by `PATCH`, and are kept for seven days after the last one."""
    return answer(Upload, uploads.begin(scope, filename=body.filename, size=body.bytes), CREATED)


@router.get("/{identifier}", response_model=Upload)
def get_upload(scope: Annotated[Scope, may(uploads.get)], identifier: PathId) -> Response:
    """How many bytes are here: after a cut, go on from there."""
    return answer(Upload, uploads.get(scope, identifier))


@router.patch("/{identifier}", response_model=Upload, openapi_extra=RAW_PIECE, responses={409: {}})
def append_upload(
    scope: Annotated[Scope, may(uploads.append)],
    identifier: PathId,
    query: Annotated[PieceQuery, Query()],
    body: Annotated[BodyChunks, Depends(raw_body)],
) -> Response:
    """Bring the rest of a file, or a piece of it; what arrives before a cut stays."""
    return answer(Upload, uploads.append(scope, identifier, query.offset, body))


@router.delete("/{identifier}", status_code=NO_CONTENT)
def discard_upload(scope: Annotated[Scope, may(uploads.discard)], identifier: PathId) -> Response:
    """Remove what is here of a file."""
    uploads.discard(scope, identifier)
    return nothing()


@router.post("/{identifier}/dataset", response_model=Dataset, status_code=CREATED, responses={409: {}})
def finish_upload(scope: Annotated[Scope, may(uploads.finish)], identifier: PathId, body: FinishIn) -> Response:
    """Make a file that is wholly here a dataset; asked again, it is the same one."""
    return answer(Dataset, uploads.finish(scope, identifier, name=body.name, project=body.project), CREATED)
