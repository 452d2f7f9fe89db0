"""OpenAI's requests for a chat completion and a completion, read strictly: what they may hold, a sentence a fault."""

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

LARGEST_BODY = 1_000_000  # bytes
_ROLES = frozenset({"system", "user", "assistant", "developer", "tool"})
_OF_TOOLS = ("tool_calls", "tool_call_id")
_MOST_MESSAGES = 1_000
_MOST_STOPS = 4
_MOST_TOKENS = 1_000_000
# Accepted so that OpenAI's own client works, and without effect here.
_IGNORED = frozenset({"user", "metadata", "store", "safety_identifier", "prompt_cache_key"})
# Understood only with the value that changes nothing.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logprobs": (False,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
}
_SHARED = {"model", "temperature", "top_p", "max_tokens", "stop", "seed", "stream", "stream_options"}
_OF_CHATS = _SHARED | {"messages", "max_completion_tokens", "tools"}
_OF_TEXTS = _SHARED | {"prompt"}


class BadRequest(Exception):
    """The request is wrong. `field` names where."""

    def __init__(
        self, message: str, field: str | None = None, *, status: int = 400, code: str = "invalid_value"
    ) -> None:
        super().__init__(message)
        self.message, self.field, self.status, self.code = message, field, status, code


@dataclass(frozen=True)
class ChatRequest:
    """What is asked: `messages`, or a `prompt` to go on from. `max_tokens` None: as far as the context goes."""

    messages: list[dict[str, Any]]
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    stream: bool = False
    include_usage: bool = False
    tools: list[dict[str, Any]] | None = None
    prompt: str | None = None


def parse(body: bytes, *, alias: str, chat: bool = True) -> ChatRequest:
    """Read a request for the model called `alias`: a chat, or a text to be completed.

    Raises:
        BadRequest: with the first fault.
    """
    given = _object(body)
    if given.get("model") != alias:
        raise BadRequest(
            f"model must be {alias!r}: this server has no other.", "model", status=404, code="model_not_found"
        )
    _no_strangers(given, _OF_CHATS if chat else _OF_TEXTS)
    options = given.get("stream_options") or {}
    if not isinstance(options, dict) or set(options) - {"include_usage"}:
        raise BadRequest("stream_options may hold include_usage only.", "stream_options")
    limit = given.get("max_completion_tokens", given.get("max_tokens"))
    seed = given.get("seed")
    return ChatRequest(
        messages=_messages(given.get("messages")) if chat else [],
        prompt=None if chat else _prompt(given.get("prompt")),
        tools=_tools(given.get("tools")),
        temperature=_number(given, "temperature", 1.0, 0.0, 2.0),
        top_p=_number(given, "top_p", 1.0, 0.0, 1.0),
        max_tokens=None if limit is None else _whole("max_tokens", limit, 1, _MOST_TOKENS),
        stop=_stop(given.get("stop")),
        seed=None if seed is None else _whole("seed", seed, 0, 2**63 - 1),
        stream=_flag("stream", given.get("stream")),
        include_usage=_flag("stream_options.include_usage", options.get("include_usage")),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {type(error).__name__}.", code="invalid_json") from None
    if not isinstance(given, dict):
        raise BadRequest("The body must be a JSON object.", code="invalid_json")
    return given


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _no_strangers(given: dict[str, Any], known: set[str]) -> None:
    for name, value in given.items():
        if name in _NEUTRAL:
            if value is not None and value not in _NEUTRAL[name]:
                raise BadRequest(f"{name} is not supported here.", name, code="unsupported_value")
        elif name not in known | _IGNORED:
            raise BadRequest(f"{name[:60]} is not a field of such a request.", name[:60], code="unknown_parameter")


def _messages(given: object) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not given or len(given) > _MOST_MESSAGES:
        raise BadRequest(f"messages must be a list of 1 to {_MOST_MESSAGES} messages.", "messages")
    return [_message(index, message) for index, message in enumerate(given)]


def _prompt(given: object) -> str:
    if isinstance(given, list) and len(given) == 1:
        (given,) = given
    if not isinstance(given, str) or not given:
        raise BadRequest("prompt must be one text that is not empty.", "prompt")
    return _whole_characters("prompt", given)


def _tools(given: object) -> list[dict[str, Any]] | None:
    if given is None or given == []:
        return None
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise BadRequest("tools must be a list of objects.", "tools")
    return given


def _whole_characters(where: str, text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadRequest(f"{where} holds half a character (a lone surrogate).", where) from None
    return text


def _message(index: int, message: object) -> dict[str, Any]:
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        raise BadRequest(f"{where} must be an object with role and content.", where)
    if set(message) - {"role", "content", "name", "refusal", *_OF_TOOLS}:
        raise BadRequest(f"{where} may hold role, content, name and tool calls.", where, code="unknown_parameter")
    role, content, calls = message.get("role"), message.get("content"), message.get("tool_calls")
    if content is None and calls:
        content = ""
    if role not in _ROLES:
        raise BadRequest(f"{where}.role must be one of {', '.join(sorted(_ROLES))}.", f"{where}.role")
    if isinstance(content, list):
        content = _text_of(where, content)
    if not isinstance(content, str):
        raise BadRequest(f"{where}.content must be text.", f"{where}.content")
    kept = {"role": str(role), "content": _whole_characters(f"{where}.content", content)}
    return kept | {name: message[name] for name in _OF_TOOLS if message.get(name)}


def _text_of(where: str, parts: list[Any]) -> str:
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise BadRequest(f"{where}.content may hold text parts only.", f"{where}.content", code="unsupported_value")
    return "".join(text for text in texts if isinstance(text, str))


def _number(given: dict[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = given.get(name)
    if value is None:
        return default
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        raise BadRequest(f"{name} must be a number from {low:g} to {high:g}.", name)
    return float(value)


def _whole(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadRequest(f"{name} must be a whole number from {low} to {high}.", name)
    return value


def _flag(name: str, value: object) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.", name)
    return value


def _stop(given: object) -> tuple[str, ...]:
    stops = [given] if isinstance(given, str) else [] if given is None else given
    if (
        not isinstance(stops, list)
        or len(stops) > _MOST_STOPS
        or not all(isinstance(text, str) and text for text in stops)
    ):
        raise BadRequest(f"stop must be a text or a list of up to {_MOST_STOPS} texts.", "stop")
    return tuple(stops)
