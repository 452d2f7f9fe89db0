"""Asking an endpoint: OpenAI's chat completions, streamed, or the scoring call of a managed online endpoint.

The key is fetched for each conversation and forgotten with it; it stands in one header and nowhere else.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.backends.azure_foundry.serving import chat_code, chat_errors
from app.backends.azure_foundry.serving.endpoints import EndpointAccess, Endpoints
from app.backends.azure_foundry.transport.client import Azure, Call
from app.backends.azure_foundry.transport.errors import translate, translates_errors
from app.backends.azure_foundry.transport.hosts import Audience
from app.backends.azure_foundry.transport.json_values import number, part
from app.domain.backend import BackendError, ChatChunk, ChatRequest, Chats, Rejected, Unavailable
from app.domain.serving import AnswersDirectly
from app.kit import openai_stream

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

READ_S = 90.0  # the longest silence within an answer; an idle endpoint takes its time for the first word
_UNSUPPORTED = "unsupported_value"
_LIMIT = 4_000_000  # bytes of one answer; beyond this it is no answer to a chat


class AzureChat(Endpoints, Chats, AnswersDirectly):
    """To answer through an endpoint, and to say how it is asked without us."""

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer piece by piece as the model writes; closing the iterator stops it."""
        yield from ask(self.azure, self.access(tag), request)

    def endpoint_key(self, tag: str) -> str:
        """Return the deployment's key, fetched now; it is kept nowhere."""
        return self.access(tag).key

    def direct_code(self, endpoint: str) -> Mapping[str, str]:
        """Return a shell command and a Python script that ask the endpoint itself."""
        return {"curl": chat_code.curl(endpoint), "python": chat_code.python(endpoint)}


def ask(azure: Azure, access: EndpointAccess, request: ChatRequest) -> Iterator[ChatChunk]:
    """Yield the answer piece by piece; closing the iterator closes the connection.

    Raises:
        BackendError: in sentences: too many questions, a refused key, a content filter, not ready.
    """
    _raise_for_what_is_not_passed_on(request, scores=access.scores)
    opened = _open(azure, access, _score_body(request) if access.scores else _chat_body(request, counted=True))
    if opened.status_code in chat_errors.BAD_REQUEST and not access.scores and "stream_options" in _text(opened):
        opened.close()  # it does not know how to count: it is asked without
        opened = _open(azure, access, _chat_body(request, counted=False))
    try:
        _raise_for(opened)
        if access.scores:
            yield from _scored(_text(opened))
        elif openai_stream.MEDIA_TYPE in opened.headers.get("Content-Type", "").lower():
            yield from (ChatChunk(**asdict(delta)) for delta in openai_stream.read(opened.iter_bytes()))
        else:
            yield from _whole(_text(opened))
    except BackendError:
        raise
    except openai_stream.ReportedError as error:
        raise chat_errors.explained(200, opened.headers, json.dumps({"error": error.error})) from error
    except openai_stream.StreamError as error:
        raise Unavailable(str(error), fix=error.remedy) from error
    except Exception as error:
        reported = translate(error)
        if reported is None:
            raise
        raise Unavailable(f"The answer broke off: {reported.detail}", fix="Ask once more.") from error
    finally:
        opened.close()


@translates_errors
def _open(azure: Azure, access: EndpointAccess, body: Mapping[str, Any]) -> "HttpResponse":
    headers = {"Authorization": f"Bearer {access.key}", "Accept": "text/event-stream, application/json"}
    call = Call("POST", access.address, body=body, headers=headers, audience=Audience.ENDPOINT)
    return azure.open(call, read_s=READ_S)


def _chat_body(request: ChatRequest, *, counted: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messages": [dict(message) for message in request.messages],
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stream": True,
    }
    optional = {"max_tokens": request.max_tokens, "seed": request.seed, "stop": list(request.stop) or None}
    body |= {name: value for name, value in optional.items() if value is not None}
    if counted:
        body["stream_options"] = {"include_usage": True}
    return body


def _score_body(request: ChatRequest) -> dict[str, Any]:
    """The chat-completion signature of MLflow models from Azure's catalog (azureml-examples, foundation-models)."""
    parameters: dict[str, Any] = {"return_full_text": False}
    if request.max_tokens is not None:
        parameters["max_new_tokens"] = request.max_tokens
    if request.temperature > 0:
        parameters |= {"temperature": request.temperature, "top_p": request.top_p, "do_sample": True}
    else:
        parameters["do_sample"] = False
    return {"input_data": {"input_string": [dict(each) for each in request.messages], "parameters": parameters}}


def _raise_for_what_is_not_passed_on(request: ChatRequest, *, scores: bool) -> None:
    """Return if an endpoint of this kind is told all that is asked.

    Raises:
        Rejected: with the field that it would never hear of.
    """
    if request.tools or any(message.get("tool_calls") for message in request.messages):
        message = "Calls of tools are not passed on from an endpoint at Azure."
        raise Rejected(message, fix="Leave tools out.", field="tools", code=_UNSUPPORTED)
    drawn = request.seed is not None and request.temperature > 0  # else there is no chance in it
    for field, given in (("stop", bool(request.stop)), ("seed", drawn)):
        if scores and given:
            message = f"A managed online endpoint does not take {field}."
            raise Rejected(message, fix=f"Leave {field} out.", field=field, code=_UNSUPPORTED)


def _raise_for(answer: "HttpResponse") -> None:
    if answer.status_code >= 400:  # noqa: PLR2004 -- HTTP's first error status
        raise chat_errors.explained(answer.status_code, answer.headers, _text(answer))


def _text(answer: "HttpResponse") -> str:
    """Return the body of an answer, read once, however it was opened."""
    if not answer.is_stream_consumed:
        answer.read()
    return answer.content.decode("utf-8", "replace")[:_LIMIT]


def _whole(text: str) -> Iterator[ChatChunk]:
    try:
        reported = json.loads(text)
        choice = part(reported["choices"][0])
        content = choice["message"].get("content") or ""
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unavailable("The endpoint's answer is not a chat completion.", fix="Ask once more.") from error
    if content:
        yield ChatChunk(text=str(content))
    yield _last(str(choice.get("finish_reason") or "stop"), part(reported, "usage"))


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


def _count(value: object) -> int | None:
    found = number(value)
    return int(found) if found is not None and math.isfinite(found) else None


def _last(finish: str, usage: Mapping[str, Any]) -> ChatChunk:
    return ChatChunk(
        finish_reason=finish,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )
