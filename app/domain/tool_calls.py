"""Calls of tools as text: how an answer that makes them is shown, kept and compared where a provider tells them apart.

It also runs in the children that train, and so it needs the standard library alone.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any


def as_text(said: str, calls: Iterable[Mapping[str, Any]]) -> str:
    """Return an answer and its calls, in OpenAI's shape, as one text; calls that mean the same are the same text.

    Arguments may be an object, as TRL's rows have them, or a text of JSON, as OpenAI has them.
    """
    return "\n".join(filter(None, (said.strip(), *map(_call, calls))))


def _call(call: Mapping[str, Any]) -> str:
    inner = call.get("function")
    function = inner if isinstance(inner, Mapping) else {}
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):  # a model may write anything
            return f"{function.get('name')}({arguments})"
    return f"{function.get('name')}({json.dumps(arguments, ensure_ascii=False, sort_keys=True)})"
