"""From domain values to answers. Routes return these, so that FastAPI need not go through every value a second time."""

from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from typing import Any

from pydantic import TypeAdapter
from starlette.responses import Response

from app.api.shapes.common import ProblemOut
from app.kit.paging import Page

CREATED = 201
ACCEPTED = 202
NO_CONTENT = 204
_JSON = "application/json"

# What every route may answer besides its own: documented once.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {"model": ProblemOut, "description": "It did not work; the sentence says why and how to fix it."}
}
# What a route may answer besides that asks a backend, and one that looks up what no path of it names;
# `openapi.py` has the words.
ASKING: dict[int | str, dict[str, Any]] = {409: {}, 424: {}}
LOOKING_UP: dict[int | str, dict[str, Any]] = {404: {}, 422: {}}


def json_of(shape: type[Any], value: object) -> bytes:
    """Return a domain value as JSON: in its shape, or whole where the shape is the value's own class."""
    whole = value if is_dataclass(shape) else shape.model_validate(value)
    return _ANYTHING.dump_json(whole, by_alias=True)


def answer(shape: type[Any], value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a domain value in its shape."""
    return Response(json_of(shape, value), status, dict(headers or {}), _JSON)


def listing(shape: type[Any], items: Iterable[object], following: str | None = None) -> Response:
    """Return `{"items": […], "next": …}`."""
    parts = b",".join(json_of(shape, item) for item in items)
    return Response(b'{"items":[%b],"next":%b}' % (parts, _ANYTHING.dump_json(following)), media_type=_JSON)


def page(shape: type[Any], found: Page[Any]) -> Response:
    """Return one page of a list."""
    return listing(shape, found.items, found.next)


def lines(texts: Iterable[str]) -> Response:
    """Return lines of text as the items of a list."""
    return Response(_ANYTHING.dump_json({"items": list(texts), "next": None}), media_type=_JSON)


def nothing() -> Response:
    """Return that it is done and there is nothing to say."""
    return Response(status_code=NO_CONTENT)


_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)
