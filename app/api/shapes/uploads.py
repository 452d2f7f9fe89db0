"""Uploads as REST sees them."""

from typing import Annotated

from pydantic import Field

from app.domain.names import NAME_PATTERN
from app.domain.projects import NAME_LIMIT
from app.http import fields
from app.http.fields import Id, Line, RequestModel, Whole, described, exemplified


class UploadIn(RequestModel):
    """A file that is to be brought."""

    model_config = exemplified({"filename": "train.jsonl", "bytes": 734003})

    filename: Line = "dataset.jsonl"
    bytes: Annotated[Whole, described(minimum=1)] = Field(description="The file's size.")


class PieceQuery(fields.Query):
    """Where the body belongs in the file."""

    offset: int = Field(0, ge=0, le=2**53, description="How many bytes of the file come before the body.")


class FinishIn(RequestModel):
    """What a file that is here is called and where it belongs."""

    model_config = exemplified({"name": "Tickets of May"})

    name: Annotated[Line, described(pattern=f"^$|{NAME_PATTERN}", maxLength=NAME_LIMIT)] | None = Field(
        None, description="A label for people; the file's name without its ending if left out."
    )
    project: Id | None = None
