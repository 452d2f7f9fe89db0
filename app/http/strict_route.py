"""A route that lets nobody unknown make it read, and reads nothing but strict JSON."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import params
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.http.actor import actor_of
from app.http.json_body import check_content_type, read_json


class StrictRequest(Request):
    """A request whose JSON has been read already."""

    strict_value: Any = None

    async def json(self) -> Any:  # noqa: ANN401 -- JSON is anything
        """Return the value that the strict reader found, instead of Starlette's lenient reading."""
        return self.strict_value


class StrictRoute(APIRoute):
    """The route class of the REST door; forms and streamed bodies pass through untouched."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler behind the strict reader."""
        handler = super().get_route_handler()
        takes_json = self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)

        async def strict(request: Request) -> Response:
            actor_of(request)
            if not takes_json:
                return await handler(request)
            ready = StrictRequest(request.scope, request.receive)
            body = await ready.body()
            if body:
                check_content_type(ready.headers.get("content-type"))
                ready.strict_value = read_json(body)
            return await handler(ready)

        return strict
