"""Asking an endpoint: OpenAI's chat completions, streamed, or the scoring call of a managed online endpoint.

The key is fetched for each conversation and forgotten with it; it stands in one header and nowhere else.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from app.backends.azure_foundry.serving import chat_code, chat_errors
from app.backends.azure_foundry.serving.endpoints import Door, Endpoints
from app.backends.azure_foundry.transport.client import Azure, Call
from app.backends.azure_foundry.transport.errors import in_azure_words, translate
from app.domain.backend import BackendError, ChatChunk, ChatRequest, Rejected, Unavailable

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

READ_S = 90.0  # the longest silence within an answer; an idle endpoint takes its time for the first word
_LIMIT = 4_000_000  # bytes of one answer; beyond this it is no answer to a chat


class AzureChat(Endpoints):
    """To answer through an endpoint, and to say how it is asked without us."""

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer piece by piece as the model writes; closing the iterator stops it."""
        yield from ask(self.azure, self.door(tag), request)

    def endpoint_key(self, tag: str) -> str:
        """Return the deployment's key, fetched now; it is kept nowhere."""
        return self.door(tag).key

    def direct_code(self, endpoint: str) -> Mapping[str, str]:
        """Return a shell command and a Python script that ask the endpoint itself."""
        return {"curl": chat_code.curl(endpoint), "python": chat_code.python(endpoint)}


def ask(azure: Azure, door: Door, request: ChatRequest) -> Iterator[ChatChunk]:
    """Yield the answer piece by piece; closing the iterator closes the connection.

    Raises:
        BackendError: in sentences: too many questions, a refused key, a content filter, not ready.
    """
    opened = _open(azure, door, _score_body(request) if door.scores else _chat_body(request, counted=True))
    if opened.status_code in chat_errors.BAD_REQUEST and not door.scores and _dislikes_counting(opened):
        opened.close()
        opened = _open(azure, door, _chat_body(request, counted=False))
    try:
        _raise_for(opened)
        if door.scores:
            yield from _scored(_text(opened))
        elif "event-stream" in opened.headers.get("Content-Type", ""):
            yield from _streamed(opened)
        else:
            yield from _whole(_text(opened))
    except BackendError:
        raise
    except GeneratorExit:
        raise
    except Exception as error:
        reported = translate(error)
        if reported is None:
            raise
        raise Unavailable(f"The answer broke off: {reported.detail}", fix="Ask once more.") from error
    finally:
        opened.close()


@in_azure_words
def _open(azure: Azure, door: Door, body: Mapping[str, Any]) -> "HttpResponse":
    headers = {"Authorization": f"Bearer {door.key}", "Accept": "text/event-stream, application/json"}
    return azure.open(Call("POST", door.address, body=body, headers=headers, scope=""), read_s=READ_S)


def _chat_body(request: ChatRequest, *, counted: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messages": [dict(message) for message in request.messages],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "top_p": request.top_p,
        "stream": True,
    }
    if request.seed is not None:
        body["seed"] = request.seed
    if counted:
        body["stream_options"] = {"include_usage": True}
    return body


def _score_body(request: ChatRequest) -> dict[str, Any]:
    """The chat-completion signature of MLflow models from Azure's catalog (azureml-examples, foundation-models)."""
    parameters: dict[str, Any] = {"max_new_tokens": request.max_tokens, "return_full_text": False}
    if request.temperature > 0:
        parameters |= {"temperature": request.temperature, "top_p": request.top_p, "do_sample": True}
    else:
        parameters["do_sample"] = False
    return {"input_data": {"input_string": [dict(each) for each in request.messages], "parameters": parameters}}


def _raise_for(answer: "HttpResponse") -> None:
    if answer.status_code >= 400:  # noqa: PLR2004 -- HTTP's first error status
        raise chat_errors.explained(answer.status_code, answer.headers, _text(answer))


def _dislikes_counting(answer: "HttpResponse") -> bool:
    return "stream_options" in _text(answer)


def _text(answer: "HttpResponse") -> str:
    """Return the body of an answer, read once, however it was opened."""
    if not answer.is_stream_consumed:
        answer.read()
    return answer.content.decode("utf-8", "replace")[:_LIMIT]


def _streamed(answer: "HttpResponse") -> Iterator[ChatChunk]:
    finish: str | None = None
    usage: Mapping[str, Any] = {}
    for event in _events(answer):
        if "error" in event:
            raise chat_errors.explained(200, answer.headers, json.dumps(event))
        usage = event.get("usage") or usage
        for choice in event.get("choices") or ():
            text = (choice.get("delta") or {}).get("content")
            if text:
                yield ChatChunk(text=str(text))
            finish = choice.get("finish_reason") or finish
    if finish is None:
        raise Unavailable("The answer broke off before its end.", fix="Ask once more.")
    yield _last(finish, usage)


def _events(answer: "HttpResponse") -> Iterator[dict[str, Any]]:
    """Yield the JSON of each server-sent event; lines may be cut anywhere, also within a character."""
    rest, size = b"", 0
    for piece in answer.iter_bytes():
        size += len(piece)
        if size > _LIMIT:
            raise Rejected("The answer is far too long.", fix="Ask for fewer tokens.")
        *lines, rest = (rest + piece).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            found = _event(line)
            if found is not None:
                yield found
    found = _event(rest)
    if found is not None:
        yield found


def _event(line: bytes) -> dict[str, Any] | None:
    reported = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
    if not reported or reported == b"[DONE]":
        return None
    try:
        event = json.loads(reported)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _whole(text: str) -> Iterator[ChatChunk]:
    try:
        reported = json.loads(text)
        choice = reported["choices"][0]
        content = choice["message"].get("content") or ""
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unavailable("The endpoint's answer is not a chat completion.", fix="Ask once more.") from error
    if content:
        yield ChatChunk(text=str(content))
    yield _last(choice.get("finish_reason") or "stop", reported.get("usage") or {})


def _scored(text: str) -> Iterator[ChatChunk]:
    try:
        reported = json.loads(text)
    except ValueError as error:
        raise Unavailable("The endpoint's answer is not JSON.", fix="Ask once more.") from error
    output = reported.get("output") if isinstance(reported, dict) else reported
    if isinstance(output, list):
        output = output[0] if output else ""
    if isinstance(output, dict):
        output = output.get("content") or output.get("0") or ""
    if not isinstance(output, str):
        raise Unavailable("The endpoint's answer has no text.", fix="Look at the model's log in the studio.")
    if output:
        yield ChatChunk(text=output)
    yield ChatChunk(finish_reason="stop")


def _last(finish: str, usage: Mapping[str, Any]) -> ChatChunk:
    return ChatChunk(
        finish_reason=finish,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
    )
