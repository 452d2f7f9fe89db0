"""Shapes that several nouns share."""

from datetime import datetime
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from app.domain.errors import Problem
from app.domain.events import EventLevel
from app.http.fields import Id, Line, RequestModel, ResponseModel, absent, exemplified, given


@cache
def list_of(shape: type[ResponseModel] | type[str]) -> type[BaseModel]:
    """Return the shape of one page of a list, named for what it holds; generic models have names with brackets."""
    name = "Line" if shape is str else shape.__name__.removesuffix("Out")
    fields: dict[str, Any] = {
        "items": (list[shape], ...),  # type: ignore[valid-type]  # a value here, as create_model takes it
        "next": (str | None, Field(None, description="The cursor of the next page; null on the last one.")),
    }
    return create_model(f"{name}List", __base__=ResponseModel, __doc__="One page of a list.", **fields)


class ProblemOut(ResponseModel):
    """What every failure answers (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="The request's id, as it stands in the log.")
    fix: str | None = None
    errors: list[Problem] | None = None


class EventOut(ResponseModel):
    """One entry of the journal."""

    number: int
    at: datetime
    level: EventLevel
    kind: str
    message: str


class TargetIn(RequestModel):
    """A fine-tuned model, or a base model on a connection."""

    model_config = exemplified(
        {"base_model": "builtin:starter", "connection": "con_01jd3x8z"},
        **{"if": given("model"), "then": absent("base_model"), "else": given("base_model", "connection")},
    )

    model: Id | None = None
    base_model: Annotated[Line, Field(min_length=1)] | None = None
    connection: Id | None = None
