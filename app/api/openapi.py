"""The API's own description."""

from collections.abc import Iterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from app.api.shapes.common import ProblemOut
from app.domain.actors import Action
from app.http.dependencies import may_do
from app.http.fields import ANY_TEXT, MAX_WHOLE
from app.http.idempotency import KEY_PATTERN
from app.http.openai_errors import speaks_openai
from app.http.problems import MEDIA_TYPE
from app.http.strict_route import StrictRoute
from app.services.scope import Scope

router = APIRouter(route_class=StrictRoute)
Reads = Annotated[Scope, may_do(Action.READ, "openapi")]

_API = "/api/"
_DESCRIPTION = (
    "Fine-tune, evaluate, deploy and clean up language models. Lists answer `items` and `next`; failures answer "
    "`application/problem+json` with a sentence and its remedy; every POST that may cost money takes an "
    "`Idempotency-Key`."
)
_DEPLOYMENT_KEY = "DeploymentKey"
_API_TOKEN = "ApiToken"  # noqa: S105 -- what it is called in the document
_SCHEMES = {
    _DEPLOYMENT_KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "The key of one deployment, for its base address: its page and `POST …/client-key` show it.",
    },
    _API_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of one's account's page, where there are accounts; without them none is needed.",
    },
}
# What a failure is called in the document, and when it happens: the table of docs/rest.md.
_FAILURES = {
    "400": ("BadRequest", "The body is no strict JSON, a header is ambiguous, or the Idempotency-Key is missing."),
    "401": ("SignInNeeded", "Nobody known asks."),
    "403": ("Forbidden", "Not allowed, or asked for by a page of another site."),
    "404": ("NotFound", "What the path, the query or the body names does not exist."),
    "409": ("Conflict", "Its state does not allow it now, or the disk is full."),
    "412": ("Stale", "Somebody changed it since: the revision in If-Match is not the present one."),
    "413": ("TooLarge", "More bytes than the address takes."),
    "415": ("WrongContentType", "The body is not declared as what the address takes."),
    "421": ("WrongHost", "Asked under a name that this installation does not have."),
    "422": ("Invalid", "Fields are wrong, or do not agree with what is stored or offered here; `errors` names each."),
    "424": ("ProviderFailed", "The backend did not do as asked."),
}
_ANYWHERE = {"400", "401", "403", "413", "421"}


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, _scope: Reads) -> Response:
    """The description of everything under /api, as OpenAPI 3.1."""
    return Response(orjson.dumps(request.app.openapi()), media_type="application/json")


def describe_api(routes: Any, version: str) -> dict[str, Any]:  # noqa: ANN401 -- FastAPI's own kinds of routes
    """Return the OpenAPI document of the API among `routes`."""
    document = get_openapi(title="TuneDesk", version=version, description=_DESCRIPTION, routes=routes)
    document["paths"] = {path: item for path, item in document["paths"].items() if path.startswith(_API)}
    problem: dict[str, Any] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for parameter in operation.get("parameters", ()):
                _complete_key(parameter)
            if speaks_openai(path):
                operation["security"] = [{_DEPLOYMENT_KEY: []}]
                operation["responses"].pop("422", None)  # FastAPI's own; what is wrong with a field is a 400 here
                continue
            operation["security"] = [{}, {_API_TOKEN: []}]
            problem = _as_problem(operation["responses"]["default"])
            _tell_failures(method, operation)
    for schema in _parts(document, "requestBody"):
        _tell_reader(schema)
    for schema in _parts(document, "responses"):
        # An answer is always whole, whatever may be left out when its value is made; a problem is not.
        if "properties" in schema and schema["title"] != ProblemOut.__name__:
            schema["required"] = list(schema["properties"])
    document["components"]["responses"] = {
        name: {"description": when, "content": {MEDIA_TYPE: problem}} for name, when in _FAILURES.values()
    }
    document["components"]["securitySchemes"] = _SCHEMES
    return document


def _parts(document: dict[str, Any], side: str) -> Iterator[dict[str, Any]]:
    """Yield everything that all operations' `requestBody` or `responses` are made of, each schema once."""
    known = document["components"]["schemas"]
    waiting: list[Any] = [operation.get(side) for item in document["paths"].values() for operation in item.values()]
    seen = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting += [child for name, child in node.items() if name not in {"examples", "example"}]
            reference = str(node.get("$ref", "")).rpartition("/")[2]
            if reference in known and reference not in seen:
                seen.add(reference)
                waiting.append(known[reference])
            yield node
        elif isinstance(node, list):
            waiting += node


def _tell_reader(schema: dict[str, Any]) -> None:
    """Say what the strict reader asks of every text, name and number, where nothing narrower is said."""
    kind = schema.get("type")
    if not isinstance(kind, str):
        return  # a choice; or no schema at all, but properties of which one is called so
    if kind == "string" and not schema.keys() & {"pattern", "enum", "const", "format"}:
        schema["pattern"] = ANY_TEXT
    elif kind == "object" and "properties" not in schema:
        schema.setdefault("propertyNames", {"pattern": ANY_TEXT})
    elif kind == "object":
        schema.setdefault("additionalProperties", False)
    elif kind in {"integer", "number"}:
        schema.setdefault("minimum", -MAX_WHOLE)
        schema.setdefault("maximum", MAX_WHOLE)


def _as_problem(response: dict[str, Any]) -> dict[str, Any]:
    """FastAPI describes every answer of a route with the route's own media type; problems have theirs."""
    _, problem = response["content"].popitem()
    response["content"] = {MEDIA_TYPE: problem}
    return dict(problem)


def _complete_key(parameter: dict[str, Any]) -> None:
    """Say what `Once` asks of the header: FastAPI must not check it, for its absence is a 400 of its own."""
    if parameter["name"] == "idempotency-key":
        parameter |= {"required": True, "schema": {"type": "string", "pattern": KEY_PATTERN}}


def _tell_failures(method: str, operation: dict[str, Any]) -> None:
    """Name every status that this operation may fail with: its routes themselves declare what does not show here."""
    answers: dict[str, Any] = operation["responses"]
    failures = _ANYWHERE | (answers.keys() & _FAILURES.keys())
    parameters = operation.get("parameters", [])
    if method != "get":
        failures |= {"409"}
    if parameters or "requestBody" in operation:
        failures |= {"422"}
    if "requestBody" in operation or any(each["in"] == "path" for each in parameters):
        failures |= {"404"}
    if "requestBody" in operation:
        failures |= {"415"}
    if any(each["name"] == "if-match" for each in parameters):
        failures |= {"412"}
    for status in sorted(failures):
        answers[status] = {"$ref": f"#/components/responses/{_FAILURES[status][0]}"}
