"""A deployment's base address for OpenAI's clients: chat completions, completions and models, for who has its key.

client = openai.OpenAI(base_url="http://127.0.0.1:8000/api/v1/deployments/dep_…/v1", api_key="tdk-…")
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import answer
from app.api.routing import PathId, operation_id
from app.domain.deployments import Deployment
from app.domain.errors import NotFound
from app.http.answering import OpenAIAnswer, token_usage
from app.http.dependencies import may_by_key
from app.http.openai_shapes import (
    AnswerOut,
    CallingOut,
    ChatAnswerOut,
    ChatCompletionIn,
    ChatCompletionOut,
    OpenAIErrorOut,
    ServedModelOut,
    ServedModelsOut,
    TextAnswerOut,
    TextCompletionIn,
    TextCompletionOut,
)
from app.http.own_threads import AwaitedResponse
from app.http.strict_route import KeyedRoute
from app.kit.openai_stream import MEDIA_TYPE
from app.services import deployments
from app.services.scope import Scope

_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {}}}}
_FAILURES = {
    "400": "Something in the request is wrong, or cannot be done by this model; `param` says which field.",
    "401": "The key is missing or wrong.",
    "403": "A page of another site asks.",
    "404": "There is no such deployment, or it has no model of that name.",
    "413": "More bytes than the address takes.",
    "421": "Asked under a name that this installation does not have.",
    "429": "The model is busy, or a limit is reached; `Retry-After` says when to ask again.",
    "502": "The provider did not answer as it should; asking again does not help.",
    "503": "The model does not answer yet, or just now; `Retry-After` says when to ask again.",
}
router = APIRouter(
    prefix="/api/v1/deployments/{identifier}/v1",
    tags=["openai"],
    route_class=KeyedRoute,
    responses={status: {"model": OpenAIErrorOut, "description": when} for status, when in _FAILURES.items()},
    generate_unique_id_function=operation_id,
)
ModelName = Annotated[str, Path(min_length=1, max_length=200)]


@router.post("/chat/completions", response_model=ChatCompletionOut, responses=_STREAM)
def create_chat_completion(
    request: Request, scope: Annotated[Scope, may_by_key(deployments.ask)], identifier: PathId, body: ChatCompletionIn
) -> Response:
    """Ask for a chat completion, whole or with `stream` piece by piece."""
    under_way = _asked(request, scope, identifier, body)
    if body.stream:
        return under_way.streamed()

    def whole() -> Response:
        text, last = under_way.read()
        calls = [dict(each) for each in last.tool_calls]
        said = CallingOut(content=text, tool_calls=calls) if calls else AnswerOut(content=text)
        choice = ChatAnswerOut(message=said, finish_reason=last.finish_reason or "stop")
        return answer(ChatCompletionOut, ChatCompletionOut(**under_way.head, choices=[choice], usage=token_usage(last)))

    return AwaitedResponse(whole)


@router.post("/completions", response_model=TextCompletionOut, responses=_STREAM)
def create_completion(
    request: Request, scope: Annotated[Scope, may_by_key(deployments.ask)], identifier: PathId, body: TextCompletionIn
) -> Response:
    """Ask for the continuation of a text, whole or with `stream` piece by piece."""
    under_way = _asked(request, scope, identifier, body)
    if body.stream:
        return under_way.streamed()

    def whole() -> Response:
        text, last = under_way.read()
        choice = TextAnswerOut(text=text, finish_reason=last.finish_reason or "stop")
        return answer(TextCompletionOut, TextCompletionOut(**under_way.head, choices=[choice], usage=token_usage(last)))

    return AwaitedResponse(whole)


@router.get("/models", response_model=ServedModelsOut)
def list_served_models(scope: Annotated[Scope, may_by_key(deployments.get)], identifier: PathId) -> Response:
    """The one model that this address serves."""
    return answer(ServedModelsOut, ServedModelsOut(data=[_model(deployments.get(scope, identifier))]))


@router.get("/models/{model:path}", response_model=ServedModelOut)
def get_served_model(
    scope: Annotated[Scope, may_by_key(deployments.get)], identifier: PathId, model: ModelName
) -> Response:
    """The model, by the deployment's name or id."""
    return answer(ServedModelOut, _model(_named(deployments.get(scope, identifier), model)))


def _asked(request: Request, scope: Scope, identifier: str, body: ChatCompletionIn | TextCompletionIn) -> OpenAIAnswer:
    _named(deployments.get(scope, identifier), body.model)
    created = int(scope.due_now())
    return OpenAIAnswer(
        request, deployments.ask(scope, request.app.state.scopes, identifier, body.request()), body, created
    )


def _named(deployment: Deployment, model: str) -> Deployment:
    if model not in {deployment.name, deployment.id}:
        raise NotFound("model", model, fix=f"This deployment's model is called {deployment.name!r}.")
    return deployment


def _model(deployment: Deployment) -> ServedModelOut:
    return ServedModelOut(id=deployment.name, created=int(deployment.created_at.timestamp()))
