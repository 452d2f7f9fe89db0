"""How the routes of this door begin, and what their answers have in common.

Every POST answers 200; every failure is OpenAI's envelope (`app.http.openai_errors`), also of what no route is for.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import NotFound
from app.domain.openai_names import inside
from app.http.actor import actor_of_key
from app.http.strict_route import StrictRoute

Identifier = Annotated[str, Path(min_length=1, max_length=200)]
ModelName = Annotated[str, Path(min_length=1, max_length=500)]
# The SDKs' `project=…`, and OPENAI_PROJECT_ID in their environment.
ProjectHeader = Annotated[str, Header(alias="openai-project", max_length=200)]


class OpenAIRoute(StrictRoute):
    """A route below `/v1`: without a key nothing of the request is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the strict handler behind the look for a key."""
        handler = super().get_route_handler()

        async def keyed(request: Request) -> Response:
            actor_of_key(request)
            return await handler(request)

        return keyed


def wire() -> APIRouter:
    """Return a router below `/v1`. Its contract is OpenAI's, so that it stands in no description of ours."""
    return APIRouter(prefix="/v1", route_class=OpenAIRoute, include_in_schema=False)


def answer(value: Mapping[str, Any]) -> Response:
    """Return an object."""
    return Response(orjson.dumps(value), media_type="application/json")


def listing(
    items: Sequence[Mapping[str, Any]], *, has_more: bool, ends: bool = False, none: str | None = ""
) -> Response:
    """Return a page of a list; with `ends` also the first and the last id, or `none` of an empty page."""
    page: dict[str, Any] = {"object": "list", "data": items, "has_more": has_more}
    if ends:
        page |= {"first_id": items[0]["id"] if items else none, "last_id": items[-1]["id"] if items else none}
    return answer(page)


def ours(given: str, prefix: str, own_prefix: str, kind: str) -> str:
    """Return our id behind one of OpenAI's form.

    Raises:
        NotFound: it is of another form, so that there is none.
    """
    identifier = inside(given, prefix, own_prefix)
    if identifier is None:
        raise NotFound(kind, given[:100], fix=f"Ids of {kind}s begin with {prefix}.")
    return identifier


def seconds(moment: datetime) -> int:
    """Return a moment as the wire has it."""
    return int(moment.timestamp())
