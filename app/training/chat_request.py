"""An OpenAI chat completion request, read strictly: what it may hold, and a sentence for each fault."""

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

LARGEST_BODY = 1_000_000  # bytes
_ROLES = frozenset({"system", "user", "assistant", "developer"})
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
    "tools": ([],),
    "tool_choice": ("none",),
}


class BadRequest(Exception):
    """The request is wrong. `field` names where."""

    def __init__(
        self, message: str, field: str | None = None, *, status: int = 400, code: str = "invalid_value"
    ) -> None:
        super().__init__(message)
        self.message, self.field, self.status, self.code = message, field, status, code


@dataclass(frozen=True)
class ChatRequest:
    """What is asked. `max_tokens` None: as far as the context goes."""

    messages: list[dict[str, str]]
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    stream: bool = False
    include_usage: bool = False


def parse(body: bytes, *, alias: str) -> ChatRequest:
    """Read a request for the model called `alias`.

    Raises:
        BadRequest: with the first fault.
    """
    given = _object(body)
    if given.get("model") != alias:
        raise BadRequest(
            f"model must be {alias!r}: this server has no other.", "model", status=404, code="model_not_found"
        )
    _no_strangers(given)
    options = given.get("stream_options") or {}
    if not isinstance(options, dict) or set(options) - {"include_usage"}:
        raise BadRequest("stream_options may hold include_usage only.", "stream_options")
    limit = given.get("max_completion_tokens", given.get("max_tokens"))
    seed = given.get("seed")
    return ChatRequest(
        messages=_messages(given.get("messages")),
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


def _no_strangers(given: dict[str, Any]) -> None:
    known = {"model", "messages", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed"}
    known |= {"stream", "stream_options"} | _IGNORED
    for name, value in given.items():
        if name in _NEUTRAL:
            if value is not None and value not in _NEUTRAL[name]:
                raise BadRequest(f"{name} is not supported here.", name, code="unsupported_value")
        elif name not in known:
            raise BadRequest(f"{name[:60]} is not a field of a chat completion.", name[:60], code="unknown_parameter")


def _messages(given: object) -> list[dict[str, str]]:
    if not isinstance(given, list) or not given or len(given) > _MOST_MESSAGES:
        raise BadRequest(f"messages must be a list of 1 to {_MOST_MESSAGES} messages.", "messages")
    return [_message(index, message) for index, message in enumerate(given)]


def _message(index: int, message: object) -> dict[str, str]:
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        raise BadRequest(f"{where} must be an object with role and content.", where)
    if set(message) - {"role", "content", "name"}:
        raise BadRequest(f"{where} may hold role, content and name only.", where, code="unknown_parameter")
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise BadRequest(f"{where}.role must be one of {', '.join(sorted(_ROLES))}.", f"{where}.role")
    if isinstance(content, list):
        content = _text_of(where, content)
    if not isinstance(content, str):
        raise BadRequest(f"{where}.content must be text.", f"{where}.content")
    try:
        content.encode("utf-8")
    except UnicodeEncodeError:
        raise BadRequest(f"{where}.content holds half a character (a lone surrogate).", f"{where}.content") from None
    return {"role": "system" if role == "developer" else str(role), "content": content}


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
