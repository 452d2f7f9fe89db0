"""Asking an endpoint: OpenAI's chat completions, streamed, or the scoring call of a managed online endpoint.

The key is fetched for each conversation and forgotten with it; it stands in one header and nowhere else.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.backends.azure_foundry.serving import chat_code, chat_errors
from app.backends.azure_foundry.serving.endpoints import EndpointAccess, Endpoints, scores
from app.backends.azure_foundry.serving.scoring_forms import FORMS, NoForm, ScoringForm, answer_of
from app.backends.azure_foundry.transport.client import Azure, Call
from app.backends.azure_foundry.transport.errors import translate, translates_errors
from app.backends.azure_foundry.transport.hosts import Audience
from app.backends.azure_foundry.transport.json_values import number, part
from app.domain.backend import BackendError, ChatChunk, ChatRequest, Chats, Refused, Rejected, Unavailable
from app.domain.serving import AnswersDirectly
from app.kit import openai_stream

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

# The longest silence within an answer: an idle endpoint takes its time for the first word, and samples of Microsoft's
# give a managed one three minutes (data/serving.json).
READ_S = 180.0
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
        form = self.forms.of(endpoint) if scores(endpoint) else None
        return {"curl": chat_code.curl(endpoint, form), "python": chat_code.python(endpoint, form)}


def ask(azure: Azure, access: EndpointAccess, request: ChatRequest) -> Iterator[ChatChunk]:
    """Yield the answer piece by piece; closing the iterator closes the connection.

    A managed online endpoint is asked in the form that it is known to take, else in one after the other.

    Raises:
        BackendError: in sentences: too many questions, a refused key, a content filter, not ready.
    """
    _raise_for_what_is_not_passed_on(request, scores=access.scores)
    if not access.scores:
        yield from _chatted(azure, access, request)
        return
    known = access.forms.of(access.address)
    refused: list[BackendError] = []
    for form in FORMS if known is None else (known,):
        try:
            pieces = _scored(azure, access, form, request)
        except chat_errors.OtherForm as error:
            refused.append(error.reported)
            continue
        access.forms.keep(access.address, form)
        yield from pieces
        return
    if known is not None:
        raise refused[0]
    raise NoForm(f"Its model takes no form of question that is known. {refused[0].detail}", fix=refused[0].fix)


def _chatted(azure: Azure, access: EndpointAccess, request: ChatRequest) -> Iterator[ChatChunk]:
    opened = _open(azure, access.address, access.key, _chat_body(request, counted=True))
    if opened.status_code in chat_errors.BAD_REQUEST and "stream_options" in _text(opened):
        opened.close()  # it does not know how to count: it is asked without
        opened = _open(azure, access.address, access.key, _chat_body(request, counted=False))
    try:
        _raise_for(opened)
        if openai_stream.MEDIA_TYPE in opened.headers.get("Content-Type", "").lower():
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
def _open(azure: Azure, address: str, key: str, body: Mapping[str, Any]) -> "HttpResponse":
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream, application/json"}
    call = Call("POST", address, body=body, headers=headers, audience=Audience.ENDPOINT)
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


def _scored(azure: Azure, access: EndpointAccess, form: ScoringForm, request: ChatRequest) -> list[ChatChunk]:
    """Return a managed online endpoint's answer, asked in one form.

    Raises:
        OtherForm: it does not take this form, or not with an answer that has a text.
        BackendError: whatever else it says.
    """
    opened = _open(azure, form.address(access.address), access.key, form.body(request))
    try:
        own_path = not form.scores and opened.status_code in chat_errors.NO_SUCH_PATH
        if opened.status_code in chat_errors.OTHER_FORM or own_path:
            error = chat_errors.explained(opened.status_code, opened.headers, _text(opened))
            raise error if isinstance(error, Refused) else chat_errors.OtherForm(error)
        _raise_for(opened)
        found = answer_of(_text(opened))
    finally:
        opened.close()
    if found is None:
        reported = Unavailable("The endpoint's answer has no text.", fix="Look at the model's log in the studio.")
        raise chat_errors.OtherForm(reported)
    return [*([ChatChunk(text=found)] if found else []), ChatChunk(finish_reason="stop")]


def _count(value: object) -> int | None:
    found = number(value)
    return int(found) if found is not None and math.isfinite(found) else None


def _last(finish: str, usage: Mapping[str, Any]) -> ChatChunk:
    return ChatChunk(
        finish_reason=finish,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )
