"""Shapes that several nouns share."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import Field

from app.domain.events import EventLevel
from app.http.fields import Id, Line, RequestModel, ResponseModel

T = TypeVar("T")


class ListOut(ResponseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(None, description="The cursor of the next page; null on the last one.")


class MoneyOut(ResponseModel):
    """An amount of money as exact decimal text."""

    amount: str
    currency: str


class FieldProblemOut(ResponseModel):
    """One thing that is wrong: where, what, and how to mend it."""

    pointer: str = Field(description="A JSON pointer into the body, `?name` in the query, or a header's name.")
    code: str
    message: str
    fix: str


class ProblemOut(ResponseModel):
    """What every failure answers (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="The request's id, as it stands in the log.")
    fix: str | None = None
    errors: list[FieldProblemOut] | None = None


class EventOut(ResponseModel):
    """One entry of the journal."""

    number: int
    at: datetime
    level: EventLevel
    kind: str
    message: str


class TargetIn(RequestModel):
    """A fine-tuned model, or a base model on a connection."""

    model: Id | None = None
    base_model: Annotated[Line, Field(min_length=1)] | None = None
    connection: Id | None = None


class TargetOut(ResponseModel):
    """A fine-tuned model, or a base model on a connection."""

    connection: str
    base_model: str
    model: str | None
