"""A message as OpenAI's wire takes it, in a file of rows and in a chat."""

import json
from collections.abc import Mapping
from typing import Any


def message_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message whose calls of tools have their arguments as a text of JSON; rows of TRL have objects there."""
    message = dict(given)
    if isinstance(message.get("tool_calls"), list):
        message["tool_calls"] = [_call(each) for each in message["tool_calls"]]
    return message


def _call(given: Any) -> Any:  # noqa: ANN401 -- whatever the row has there
    function = given.get("function") if isinstance(given, dict) else None
    if not isinstance(function, dict) or isinstance(function.get("arguments"), str):
        return given
    arguments = json.dumps(function.get("arguments") or {}, ensure_ascii=False)
    return {**given, "function": {**function, "arguments": arguments}}
