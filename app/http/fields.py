"""The kinds of fields that requests are made of: bounded, strict, and nothing beyond what is named."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from app.kit.ids import ID_PATTERN
from app.kit.paging import DEFAULT_LIMIT, MAX_LIMIT

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NUL = "\x00"
MAX_ENTRIES = 64
MAX_SCALAR_CHARS = 4000


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must be one line without control characters")
    return text


def _no_nul(text: str) -> str:
    if _NUL in text:
        raise ValueError("must not hold a NUL character")
    return text


def _scalar(value: object) -> object:
    if isinstance(value, str) and len(value) <= MAX_SCALAR_CHARS:
        return value
    if isinstance(value, bool | int | float):
        return value
    raise ValueError("must be a number, a short text, true or false")


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN, max_length=60)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
Line = Annotated[str, StringConstraints(max_length=400), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_no_nul)]
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
Scalar = Annotated[
    Any,
    BeforeValidator(_scalar),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "boolean"}]}),
]
Settings = Annotated[dict[Name, Scalar], Field(max_length=MAX_ENTRIES)]


class RequestModel(BaseModel):
    """A request's body: exact types, no field beyond those named, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Query(BaseModel):
    """A request's query: texts read as the types named, and no parameter beyond those."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Paging(Query):
    """Which page of a list."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items a page has at most.")
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=400, pattern="^[A-Za-z0-9_=-]+$")] | None = Field(
        None, description="The `next` of the page before."
    )


class ResponseModel(BaseModel):
    """A response's body, read off the attributes of a frozen domain value. Non-finite numbers become null."""

    model_config = ConfigDict(from_attributes=True, ser_json_inf_nan="null", serialize_by_alias=True)
