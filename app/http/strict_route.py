"""A route that lets nobody unknown make it read, reads nothing but strict JSON, and answers under its own addresses."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import params
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from app.http.actor import actor_of, bearer_of, knock
from app.http.json_body import check_content_type, read_json


class StrictRequest(Request):
    """A request whose JSON has been read already."""

    strict_value: Any = None

    async def json(self) -> Any:  # noqa: ANN401 -- JSON is anything
        """Return the value that the strict reader found, instead of Starlette's lenient reading."""
        return self.strict_value


class StrictRoute(APIRoute):
    """The route class of the REST door; forms and streamed bodies pass through untouched."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether an address is this route's; one whose id or word cannot be one is not.

        So `/jobs/compare` is no job, whatever the method, and `Allow` names what an address really takes.
        """
        match, child = super().matches(scope)
        if match is not Match.NONE:
            given = child["path_params"]
            if any(field.validate(given[field.alias], {}, loc=("path",))[1] for field in self.dependant.path_params):
                return Match.NONE, {}
        return match, child

    def admit(self, request: Request) -> None:
        """Return if anything of the request is to be read.

        Raises:
            SignInNeeded: for whom nobody knows.
        """
        actor_of(request)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler behind the strict reader."""
        handler = super().get_route_handler()
        takes_json = self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)

        async def strict(request: Request) -> Response:
            self.admit(request)
            if not takes_json:
                return await handler(request)
            ready = StrictRequest(request.scope, request.receive)
            body = await ready.body()
            if body:
                check_content_type(ready.headers.get("content-type"))
                ready.strict_value = read_json(body)
            return await handler(ready)

        return strict


class KeyedRoute(StrictRoute):
    """The same for programs with a deployment's key: without any, nothing of the request is read."""

    def admit(self, request: Request) -> None:
        """Return if there is a key, which is looked at with the deployment.

        Raises:
            SignInNeeded, WrongKey: there is none, or whoever asks may show none.
        """
        knock(request)
        bearer_of(request)
