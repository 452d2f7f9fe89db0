"""Chat completions over the wire, streamed; an answer that comes whole is one piece."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from app.backends.openai_wire.transport.errors import Answer, error_of
from app.backends.openai_wire.transport.messages import messages_of
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import ChatChunk, ChatRequest, Rejected, Unavailable
from app.kit import openai_stream

_BAD_REQUEST = 400


def ask(plane: Plane, path: str, model: str, request: ChatRequest) -> Iterator[ChatChunk]:
    """Yield the answer piece by piece; closing the iterator closes the connection.

    Raises:
        BackendError: in sentences: a content filter, a limit, no such model.
    """
    body = _body(model, request)
    try:
        yield from _asked(plane, path, body)
    except Rejected as error:
        if "stream_options" not in error.detail:
            raise
        del body["stream_options"]  # a server that cannot count is asked without
        yield from _asked(plane, path, body)


def _asked(plane: Plane, path: str, body: Mapping[str, Any]) -> Iterator[ChatChunk]:
    with plane.stream(path, body) as answer:
        if openai_stream.MEDIA_TYPE not in answer.headers.get("content-type", "").lower():
            answer.read()
            yield from _whole(answer.text)
            return
        try:
            for delta in openai_stream.read(answer.iter_bytes()):
                yield ChatChunk(**asdict(delta))
        except openai_stream.ReportedError as error:
            said = error_of(plane.name, Answer(_BAD_REQUEST, answer.headers, json.dumps({"error": dict(error.error)})))
            raise said or Unavailable(str(error)) from error
        except openai_stream.StreamError as error:
            raise Unavailable(str(error), fix=error.remedy) from error


def _body(model: str, request: ChatRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": messages_of(request.messages),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    optional: dict[str, Any] = {
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "stop": list(request.stop) or None,
        "tools": [dict(tool) for tool in request.tools] or None,
    }
    return body | {name: value for name, value in optional.items() if value is not None}


def _whole(text: str) -> Iterator[ChatChunk]:
    try:
        body = json.loads(text)
        choice = body["choices"][0]
        content = choice["message"].get("content") or ""
        calls = list(choice["message"].get("tool_calls") or ())
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unavailable("The answer is no chat completion.", fix="Ask once more.") from error
    if content:
        yield ChatChunk(text=openai_stream.valid_text(str(content)))
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    yield ChatChunk(
        finish_reason=str(choice.get("finish_reason") or "stop"),
        tool_calls=tuple(each for each in calls if isinstance(each, dict)),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
