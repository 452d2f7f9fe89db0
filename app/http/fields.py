"""The kinds of fields that requests are made of: bounded, strict, and nothing beyond what is named."""

import re
import warnings
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic.warnings import UnsupportedFieldAttributeWarning

from app.domain.names import NAME_PATTERN
from app.domain.projects import NAME_LIMIT
from app.kit.ids import ID_PATTERN
from app.kit.paging import DEFAULT_LIMIT, MAX_LIMIT, cursor_pattern

# FastAPI silences this while it makes its fields, whose aliases are its own business. Ours are made when they are first
# used (`defer_build`): a start makes the schemas of some two hundred shapes that most of its requests never need.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_CONTROLS = re.compile(f"[{_CONTROL}]")
_NUL = "\x00"
# What `str.strip` takes off; `\s` is another set in ECMA-262 (without \x1c to \x1f and \x85, with the byte order mark).
SPACE = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# The same rules as regular expressions of JSON Schema (ECMA-262), for the API's description.
ONE_LINE = f"^[^{_CONTROL}]*$"
VISIBLE_LINE = f"^[^{_CONTROL}]*[^{_CONTROL}{SPACE}][^{_CONTROL}]*$"
ANY_TEXT = r"^[^\x00]*$"
VISIBLE_TEXT = rf"^[^\x00]*[^\x00{SPACE}][^\x00]*$"
MAX_ENTRIES = 64
MAX_SCALAR_CHARS = 4000
MAX_WHOLE = 2**53  # beyond it, JSON readers that hold numbers as doubles (all browsers) no longer agree


def described(**schema: Any) -> FieldInfo:  # noqa: ANN401 -- JSON Schema
    """Return what the API's description says of a field whose rule stands elsewhere, with a better sentence."""
    field: FieldInfo = Field(json_schema_extra=schema)
    return field


def _keyed(schema: dict[str, Any]) -> None:
    """Describe a free map by `propertyNames`: what pydantic writes says nothing of names that do not fit."""
    (pattern, values), *_ = schema.pop("patternProperties").items()
    schema["propertyNames"]["pattern"] = pattern
    schema["additionalProperties"] = values


def _one_line(text: str) -> str:
    if _CONTROLS.search(text):
        raise ValueError("must be one line without control characters")
    return text


def _no_nul(text: str) -> str:
    if _NUL in text:
        raise ValueError("must not hold a NUL character")
    return text


def _scalar(value: object) -> object:
    if isinstance(value, str) and len(value) <= MAX_SCALAR_CHARS:
        return value
    if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) <= MAX_WHOLE):
        return value
    raise ValueError("must be a number within ±2^53, a short text, true or false")


def _whole(value: object) -> object:
    """Read 5.0 as 5: JSON has one kind of number, and JSON Schema calls both whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN, max_length=60)]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line), described(pattern=ONE_LINE)
]
# What people call a thing.
Label = Annotated[Name, described(pattern=NAME_PATTERN, maxLength=NAME_LIMIT)]
Line = Annotated[str, StringConstraints(max_length=400), AfterValidator(_one_line), described(pattern=ONE_LINE)]
Text = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_no_nul), described(pattern=ANY_TEXT)]
READS_WHOLE = BeforeValidator(_whole)
Whole = Annotated[int, Field(ge=-MAX_WHOLE, le=MAX_WHOLE), READS_WHOLE]
Scalar = Annotated[
    Any,
    BeforeValidator(_scalar),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": -MAX_WHOLE, "maximum": MAX_WHOLE},
                {"type": "string", "maxLength": MAX_SCALAR_CHARS, "pattern": ANY_TEXT},
                {"type": "boolean"},
            ]
        }
    ),
]
KEYED = Field(json_schema_extra=_keyed)
Settings = Annotated[dict[Name, Scalar], Field(max_length=MAX_ENTRIES), KEYED]


class RequestModel(BaseModel):
    """A request's body: exact types, no field beyond those named, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


def exemplified(example: dict[str, Any], **rules: Any) -> ConfigDict:  # noqa: ANN401 -- JSON Schema
    """Return the configuration of a body with an example, and with rules on its fields together."""
    return ConfigDict(json_schema_extra={"examples": [example], **rules})


def given(*names: str) -> dict[str, Any]:
    """Return the schema of an object in which these fields stand, and are not null."""
    return {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}}


def absent(*names: str) -> dict[str, Any]:
    """Return the schema of an object in which these fields are left out or null."""
    return {"properties": {name: {"type": "null"} for name in names}}


def holds(name: str, value: str) -> dict[str, Any]:
    """Return the schema of an object whose field has this value, and not by default."""
    return {"required": [name], "properties": {name: {"const": value}}}


class Query(BaseModel):
    """A request's query: texts read as the types named, and no parameter beyond those."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)


class Paging(Query):
    """Which page of a list."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items a page has at most.")
    cursor: Annotated[Line, described(pattern=cursor_pattern(int, str))] | None = Field(
        None, description="The `next` of the page before."
    )


class NumberedPaging(Paging):
    """Which page of a list whose items are numbered."""

    cursor: Annotated[Line, described(pattern=cursor_pattern(int))] | None = Field(
        None, description="The `next` of the page before."
    )


class ResponseModel(BaseModel):
    """A response's body, read off the attributes of a frozen domain value. Non-finite numbers become null."""

    model_config = ConfigDict(from_attributes=True, ser_json_inf_nan="null", serialize_by_alias=True, defer_build=True)
