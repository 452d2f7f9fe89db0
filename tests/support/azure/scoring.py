"""The hosts that answer questions: serverless chat with content filter and limits, and managed online scoring."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.support.azure.state import Resource, Workspace
from tests.support.azure.tokens import ML
from tests.support.azure.wire import AnyJson, AzureError, Json, Reply, Request

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

# How Microsoft's samples ask a model behind /score: where the messages are in each form.
FORMS: dict[str, Callable[[Json], AnyJson]] = {
    "input_string": lambda body: _at(body, "input_data", "input_string"),
    "input_string of rows": lambda body: _at(body, "input_data", "input_string", 0) if "params" in body else None,
    "inputs": lambda body: _at(body, "inputs", "input_string"),
    "columns, index, data": lambda body: _at(body, "input_data", "data", 0, 0) if _is_split(body) else None,
}
_ROLES = {"system", "user", "assistant", "tool"}


def _at(found: AnyJson, *path: str | int) -> AnyJson:
    for step in path:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def _is_split(body: Json) -> bool:
    table = {"columns": ["input_string"], "index": [0]}
    return all(_at(body, "input_data", name) == wanted for name, wanted in table.items())


class Scoring:
    """Answers for both kinds of endpoints' own hosts."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def answer(self, request: Request) -> Reply:
        """Answer one request, and count it for the endpoint's metrics."""
        found = self._endpoint(request.host)
        if found is None:
            return _said(404, "NotFound", f"The endpoint {request.host} does not exist.")
        workspace, endpoint = found
        try:
            reply = self._ready(request, endpoint) or self._reply(request, workspace, endpoint)
        except AzureError as error:
            reply = _said(error.status, error.code, error.message, error.headers)
        endpoint.calls.append((self._cloud.clock.now(), reply.status, 120.0 + 40.0 * (len(endpoint.calls) % 5)))
        return reply

    def _endpoint(self, host: str) -> tuple[Workspace, Resource] | None:
        name, region, *_ = host.split(".")
        kind = "serverless" if host.endswith(".models.ai.azure.com") else "online"
        for workspace in self._cloud.state.workspaces:
            for known, endpoint in getattr(workspace, kind).items():
                if known.lower() == name and workspace.location == region:
                    return workspace, endpoint
        return None

    def _ready(self, request: Request, endpoint: Resource) -> Reply | None:
        """Return the refusal of an endpoint that ARM calls ready before it is."""
        del request
        self._cloud.operations.running(endpoint.operation)
        if endpoint.state != "Succeeded":
            return _said(404, "NotFound", "The endpoint is not deployed.")
        if endpoint.looks_until_ready > 0:
            endpoint.looks_until_ready -= 1
            if endpoint.looks_until_ready % 2 == 0:
                return _said(503, "ServiceUnavailable", "The model is being loaded.", self._cloud.operations.patience())
            return _said(404, "NotFound", "Resource not found.")
        return None

    def _reply(self, request: Request, workspace: Workspace, endpoint: Resource) -> Reply:
        self._authenticate(request, endpoint)
        serverless = endpoint.kind == "serverlessEndpoints"
        if serverless and request.method == "GET" and request.path in {"/info", "/v1/models", "/health"}:
            return Reply(
                200,
                {
                    "model_name": _model_name(endpoint),
                    "model_type": "chat-completion",
                    "model_provider_name": "Microsoft",
                },
            )
        if request.path not in (
            {"/v1/chat/completions", "/chat/completions"} if serverless else {"/score", "/v1/chat/completions"}
        ):
            raise AzureError(404, "NotFound", f"Nothing is at {request.path}.")
        if request.method != "POST":
            raise AzureError(405, "MethodNotAllowed", "Use POST.")
        if not serverless:
            self._deployment(request, endpoint)
            if request.path == "/score":
                return self._score(request)
            if self._cloud.state.scoring_form != "chat completions":
                raise AzureError(404, "NotFound", f"Nothing is at {request.path}.")
        return self._chat(request, workspace, endpoint)

    def _authenticate(self, request: Request, endpoint: Resource) -> None:
        header = request.headers.get("authorization", "")
        scheme, _, secret = header.partition(" ")
        mode = endpoint.properties.get("authMode") or "Key"
        secret = secret if scheme.lower() == "bearer" else request.headers.get("api-key", "")
        if mode in {"Key", "KeyAndAAD", "AMLToken"} and secret and secret in endpoint.keys.values():
            return
        if mode in {"AAD", "KeyAndAAD", "AADToken"} and header:
            cloud = self._cloud
            cloud.tokens.verify(header, (ML,), cloud.clock.now(), cloud.tenant)
            return
        message = "Access denied due to missing or invalid credentials: send the endpoint's key as a bearer token."
        raise AzureError(401, "Unauthorized", message, headers={"WWW-Authenticate": "Bearer"})

    def _deployment(self, request: Request, endpoint: Resource) -> None:
        for deployment in endpoint.children.values():
            self._cloud.operations.running(deployment.operation)
        wanted = request.headers.get("azureml-model-deployment")
        traffic = endpoint.properties.get("traffic") or {}
        names = [wanted] if wanted else [name for name, share in traffic.items() if share]
        if not any(name in endpoint.children and endpoint.children[name].state == "Succeeded" for name in names):
            raise AzureError(
                404,
                "NotFound",
                "No deployment takes the request: check traffic or the azureml-model-deployment header.",
            )

    def _score(self, request: Request) -> Reply:
        """Take the one form that the model takes; its container fails at any other body."""
        wanted = self._cloud.state.scoring_form
        messages = FORMS[wanted](request.json()) if wanted in FORMS else None
        if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
            raise AzureError(424, "ModelError", "Exception in the scoring script: the input is not as expected.")
        said = self._answer(str(messages[-1].get("content", "")))
        return Reply(200, {"output": said} if wanted in {"input_string", "inputs"} else [{"0": said}])

    def _chat(self, request: Request, workspace: Workspace, endpoint: Resource) -> Reply:
        body = request.json()
        messages = _messages(body)
        text = str(messages[-1].get("content") or "")
        safety = (endpoint.properties.get("contentSafety") or {}).get("contentSafetyStatus", "Enabled")
        whole = " ".join(str(one.get("content") or "") for one in messages).lower()
        if safety == "Enabled" and any(word in whole for word in self._cloud.state.content_filter_words):
            return _filtered()
        used = sum(len(str(one.get("content") or "").split()) for one in messages) + 4
        answer = self._answer(text)
        limit = int(body.get("max_tokens") or 4096)
        words = answer.split()
        reported = words[:limit]
        self._budget(endpoint, used + len(reported))
        usage = {"prompt_tokens": used, "completion_tokens": len(reported), "total_tokens": used + len(reported)}
        reason = "length" if len(reported) < len(words) else "stop"
        head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(self._cloud.clock.now().timestamp()),
            "model": _model_name(endpoint),
        }
        del workspace
        if body.get("stream"):
            return Reply(200, _stream(head, reported, reason, usage), content_type="text/event-stream")
        choice = {
            "index": 0,
            "finish_reason": reason,
            "message": {"role": "assistant", "content": " ".join(reported), "tool_calls": None},
        }
        return Reply(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})

    def _answer(self, text: str) -> str:
        """What a test laid down for a question, else an answer that shows the question arrived."""
        return self._cloud.state.answers.get(text, f"The tuned model heard: {text}")

    def _budget(self, endpoint: Resource, tokens: int) -> None:
        """Tokens and requests of the running minute; raises AzureError 429 where they are used up."""
        now = self._cloud.clock.now()
        minute = f"{now:%Y-%m-%dT%H:%M}"
        spent: Json = endpoint.body.setdefault("_spent", {})
        if spent.get("minute") != minute:
            spent.update({"minute": minute, "tokens": 0, "requests": 0})
        over_tokens = spent["tokens"] + tokens > self._cloud.state.tokens_per_minute
        if over_tokens or spent["requests"] >= self._cloud.state.requests_per_minute:
            what = "tokens" if over_tokens else "requests"
            message = (
                f"The {what} per minute of this endpoint are used up. Please retry after {60 - now.second} seconds."
            )
            raise AzureError(429, "RateLimitReached", message, headers={"Retry-After": str(60 - now.second)})
        spent["tokens"] += tokens
        spent["requests"] += 1


def _messages(body: Json) -> list[Json]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise AzureError(
            422, "UnprocessableEntity", "The parameter 'messages' must be a list with at least one message."
        )
    for one in messages:
        if not isinstance(one, dict) or one.get("role") not in _ROLES:
            raise AzureError(422, "UnprocessableEntity", "Each message needs a role: system, user, assistant or tool.")
    return messages


def _stream(head: Json, words: list[str], reason: str, usage: Json) -> Iterator[bytes]:
    def event(delta: Json, ended: str | None = None, counted: Json | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": ended}
        body = {**head, "object": "chat.completion.chunk", "choices": [choice]}
        return f"data: {json.dumps({**body, 'usage': counted} if counted else body)}\n\n".encode()

    yield event({"role": "assistant", "content": ""})
    for number, word in enumerate(words):
        yield event({"content": word if number == 0 else f" {word}"})
    yield event({}, reason, usage)
    yield b"data: [DONE]\n\n"


def _filtered() -> Reply:
    result = {"violence": {"filtered": True, "severity": "medium"}, "hate": {"filtered": False, "severity": "safe"}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
    message = "The response was filtered due to the prompt triggering Microsoft's content management policy."
    message = f"{message} Please modify your prompt and retry."
    return Reply(
        400,
        {
            "error": {
                "code": "content_filter",
                "message": message,
                "param": "prompt",
                "status": 400,
                "type": None,
                "innererror": inner,
            }
        },
    )


def _said(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, "status": status}}, headers or {})


def _model_name(endpoint: Resource) -> str:
    model = str((endpoint.properties.get("modelSettings") or {}).get("modelId") or endpoint.name)
    return model.rsplit("/models/", maxsplit=1)[-1].split("/", maxsplit=1)[0]
