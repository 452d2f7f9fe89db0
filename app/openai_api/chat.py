"""Chat completions below `/v1`, by a model's name; what nothing serves yet is served first where that costs nothing."""

import time
from threading import Event
from typing import Annotated

from anyio import from_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.domain.deployments import Deployment, DeploymentStatus
from app.domain.errors import Conflict
from app.http.answering import OpenAIAnswer, token_usage
from app.http.dependencies import OpenScope, may_open_with_key
from app.http.openai_shapes import ChatCompletionIn
from app.http.own_threads import AwaitedResponse
from app.http.retries import InFlight
from app.openai_api.routing import answer, wire
from app.services import deployments, openai_chat

router = wire()
_PATIENCE_S = 90.0  # for a model to be ready; then the client is told to ask again, which it does by itself
_LOOK_EVERY_S = 0.2
_STARTING = InFlight()


@router.post("/chat/completions")
def create_chat_completion(
    request: Request, open_scope: Annotated[OpenScope, may_open_with_key(openai_chat.serving)], body: ChatCompletionIn
) -> Response:
    """Ask a model, whole or with `stream` piece by piece."""
    scopes = request.app.state.scopes

    def make() -> Response:
        ready = _ready(request, open_scope, body.model)
        with open_scope() as scope:
            conversation = deployments.ask(scope, scopes, ready.id, body.request())
            under_way = OpenAIAnswer(request, conversation, body, int(scope.due_now()), body.model)
        return under_way.streamed() if body.stream else _whole(under_way)

    return AwaitedResponse(make)


def _ready(request: Request, open_scope: OpenScope, model: str) -> Deployment:
    """Return the deployment that answers for a model, once it is ready.

    Raises:
        Conflict: it takes longer than a client should wait; it may ask again.
        ClientDisconnect: who asked went away.
    """
    waiting, began = Event(), time.monotonic()
    with open_scope() as scope:
        ready = openai_chat.ready(scope, model)
    found = ready or _serving(open_scope, model)
    while found.status is not DeploymentStatus.READY:
        if time.monotonic() - began > _PATIENCE_S:
            message = f"The model is being made ready: its deployment is {found.status}."
            raise Conflict(message, fix="Ask again in a moment.", soon=True)
        if from_thread.run(request.is_disconnected):
            raise ClientDisconnect
        waiting.wait(_LOOK_EVERY_S)
        with open_scope() as scope:
            found = deployments.get(scope, found.id)
        if found.status not in (DeploymentStatus.READY, *openai_chat.COMING):
            found = _serving(open_scope, model)
    return found


def _serving(open_scope: OpenScope, model: str) -> Deployment:
    # Two who ask at once, by whichever of its names, begin one deployment.
    with _STARTING.alone("serving"), open_scope() as scope:
        return openai_chat.serving(scope, model)


def _whole(under_way: OpenAIAnswer) -> Response:
    text, last = under_way.read()
    calls = {"tool_calls": list(last.tool_calls)} if last.tool_calls else {}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None, **calls},
        "logprobs": None,
        "finish_reason": last.finish_reason or "stop",
    }
    used = token_usage(last)
    counted = {} if used is None else {"usage": used.model_dump()}
    return answer({"object": "chat.completion", **under_way.head, "choices": [choice], **counted})
