"""Messages as OpenAI's wire takes them, in a file of rows and in a chat."""

import json
from collections.abc import Iterable, Mapping
from typing import Any


def messages_of(given: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return messages whose calls of tools have an id, a type, and their arguments as a text of JSON.

    Rows of TRL have none of these, and objects as arguments; their tools answer in the order in which they were called.
    """
    made: list[dict[str, Any]] = []
    unanswered: list[str] = []
    for number, each in enumerate(given):
        message = dict(each)
        if isinstance(message.get("tool_calls"), list):
            calls = [_call(call, f"call{number:03}{n:02}") for n, call in enumerate(message["tool_calls"])]
            unanswered = [call["id"] for call in calls if isinstance(call, dict)]
            message["tool_calls"] = calls
        if message.get("role") == "tool":
            if not message.get("tool_call_id") and unanswered:
                message["tool_call_id"] = unanswered[0]
            unanswered = [call for call in unanswered if call != message.get("tool_call_id")]
        made.append(message)
    return made


def _call(given: Any, identifier: str) -> Any:  # noqa: ANN401 -- whatever the row has there
    if not isinstance(given, dict):
        return given
    call = {**given, "id": given.get("id") or identifier, "type": given.get("type") or "function"}
    function = given.get("function")
    if not isinstance(function, dict) or isinstance(function.get("arguments"), str):
        return call
    arguments = json.dumps(function.get("arguments") or {}, ensure_ascii=False)
    return {**call, "function": {**function, "arguments": arguments}}
