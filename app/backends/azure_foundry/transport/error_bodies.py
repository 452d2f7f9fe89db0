"""What stands in the body of an error of Azure's, however it is wrapped: every code, every sentence, the request's id.

Three services answer here, each in its own way (recordings in Azure/azure-sdk-assets, python/sdk/ml/azure-ai-ml):

- Resource Manager: `{"error": {"code", "message", "details", "innererror"}}`;
- the workspace's front end: the same, and the telling code in `additionalInfo`, as `{"type": "InnerError", "info":
  {"value": {"code", "innerError": {…}}}}`, nested in any number of levels;
- registries and the run history: `innerError` nested likewise, `messageFormat` with its parameters, `debugInfo`, and
  the request's id under `correlation`.

Names are compared whatever their case. The walk is bounded: a body is a stranger's.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

_DEEP, _MOST = 40, 400  # levels and parts that are looked into
_BELOW = ("error", "innererror", "inner_error", "rooterror", "root_error", "debuginfo", "innerexception", "errors")
# Of `additionalInfo`: where and when it was, which tells people nothing about what was wrong.
_CIRCUMSTANCES = frozenset({"componentname", "environment", "location", "time", "traceparent", "traceid"})
_SHOWN = 300  # characters of a kind of information that nobody knows
_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(slots=True)
class ErrorBody:
    """What an error says. `codes`: outermost first; `request`: the id to name to Microsoft, "" where none is told."""

    codes: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    request: str = ""

    @property
    def message(self) -> str:
        """All sentences, as one text."""
        return " ".join(self.messages)


def read_error(body: object) -> ErrorBody:
    """Return what an error's body says; an empty one where it says nothing."""
    found = ErrorBody()
    for part in islice(_walk(body), _MOST):
        _read(part, found)
    return found


def _walk(body: object) -> Iterator[Mapping[str, Any]]:
    """Yield each part of an error, the outer before the inner; what is below one part comes right after it."""
    waiting: list[tuple[object, int]] = [(body, 0)]
    while waiting:
        current, depth = waiting.pop(0)
        if isinstance(current, list):
            waiting = [*((each, depth + 1) for each in current[:_MOST]), *waiting]
        elif isinstance(current, Mapping) and depth <= _DEEP:
            part = {str(name).lower(): value for name, value in current.items()}
            yield part
            below = [*(part.get(name) for name in _BELOW), _embedded(part.get("message"))]
            inner = [_value(each) for each in _items(part.get("additionalinfo")) if _kind(each) == "innererror"]
            waiting = [*((each, depth + 1) for each in (*below, *inner, part.get("details")) if each), *waiting]


def _read(part: Mapping[str, Any], found: ErrorBody) -> None:
    code, message = part.get("code"), _first(part, "message", "detail", "title")
    message = "" if _embedded(message) else message
    formats, given = part.get("messageformat"), part.get("messageparameters")
    for each in _items(part.get("additionalinfo")):
        kind, value = _kind(each), _value(each)
        if kind == "messageformat":
            formats = formats or value
        elif kind == "messageparameters":
            given = given or value
        elif kind == "correlation":
            _correlate(value, found)
        elif kind not in _CIRCUMSTANCES and kind != "innererror":
            _note(found.messages, f"{each.get('type')}: {json.dumps(value, default=str)[:_SHOWN]}")
    _correlate(part.get("correlation"), found)
    if isinstance(code, str | int) and not isinstance(code, bool):
        _note(found.codes, str(code))
    _note(found.messages, message or _filled(formats, given))
    if isinstance(part.get("error"), str):
        _note(found.messages, part["error"])


def _embedded(message: object) -> Mapping[str, Any] | None:
    """Return the error that a deployment of Resource Manager's quotes as the text of its own."""
    if not isinstance(message, str) or message.lstrip()[:1] != "{":
        return None
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping) else None


def _filled(formats: object, given: object) -> str:
    """Return a message that comes as a pattern, with what belongs into its holes, by name or by number."""
    if not isinstance(formats, str):
        return ""
    values = {str(name): value for name, value in given.items()} if isinstance(given, Mapping) else {}
    if isinstance(given, list):
        values = {str(number): value for number, value in enumerate(given)}
    return _HOLE.sub(lambda hole: str(values.get(hole[1], hole[0]))[:_SHOWN], formats)


def _correlate(value: object, found: ErrorBody) -> None:
    if isinstance(value, Mapping) and not found.request:
        ids = {str(name).lower(): each for name, each in value.items()}
        found.request = next((ids[name] for name in ("request", "operation") if isinstance(ids.get(name), str)), "")


def _items(value: object) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _kind(item: Mapping[str, Any]) -> str:
    return str(item.get("type", "")).lower()


def _value(item: Mapping[str, Any]) -> object:
    info = item.get("info")
    return info.get("value", info) if isinstance(info, Mapping) else info


def _first(part: Mapping[str, Any], *names: str) -> str:
    return next((part[name].strip() for name in names if isinstance(part.get(name), str) and part[name].strip()), "")


def _note(known: list[str], text: str) -> None:
    if text.strip() and text.strip() not in known:
        known.append(text.strip())
