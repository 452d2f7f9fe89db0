"""A route that lets nobody unknown make it read, reads nothing but strict JSON, and answers under its own addresses."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import params
from fastapi.routing import APIRoute
from fastapi.utils import create_model_field
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
    """The route class of the REST door; forms and streamed bodies pass through untouched.

    Functions of such routes return finished responses, so their models serve the API's description alone: FastAPI's
    fields are made of them when that is first asked for, not at every start.
    """

    _described = False
    _fields: tuple[Any, dict[int | str, Any]] | None = None

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        response_model: Any = None,  # noqa: ANN401 -- FastAPI's own
        responses: Mapping[int | str, dict[str, Any]] | None = None,
        **options: Any,  # noqa: ANN401 -- FastAPI's own
    ) -> None:
        """`response_model` and each model in `responses` describe what the route answers; the rest is FastAPI's."""
        super().__init__(path, endpoint, response_model=None, **options)
        self._begins = self.path.partition("{")[0]
        self.response_model, self.responses, self._described = response_model, dict(responses or {}), True

    @property
    def response_field(self) -> Any:  # noqa: ANN401 -- FastAPI's own
        """What the API's description says of the answer; None where there is no model of it."""
        return self._made_fields()[0]

    @response_field.setter
    def response_field(self, _field: object) -> None:
        """Leave it: FastAPI sets it before there is a model."""

    @property
    def response_fields(self) -> dict[int | str, Any]:
        """The same of the further answers, by status."""
        return self._made_fields()[1]

    @response_fields.setter
    def response_fields(self, _fields: dict[int | str, Any]) -> None:
        """Leave it: FastAPI sets it before there are models."""

    def _made_fields(self) -> tuple[Any, dict[int | str, Any]]:
        if not self._described:  # FastAPI asks while it makes the handler, which is to check nothing
            return None, {}
        if self._fields is None:
            models = {status: each["model"] for status, each in self.responses.items() if "model" in each}
            self._fields = (
                self._field("Response", self.response_model) if self.response_model else None,
                {status: self._field(f"Response_{status}", model) for status, model in models.items()},
            )
        return self._fields

    def _field(self, name: str, model: Any) -> Any:  # noqa: ANN401 -- FastAPI's own
        return create_model_field(name=f"{name}_{self.unique_id}", type_=model, mode="serialization")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether an address is this route's; one whose id or word cannot be one is not.

        So `/jobs/compare` is no job, whatever the method, and `Allow` names what an address really takes.
        """
        if not scope["path"].startswith(self._begins) and not scope.get("root_path"):
            return Match.NONE, {}  # most routes are told apart so, at a fraction of what their expression costs
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
