"""Tools that a row names and calls of them, in each spelling that people bring, as the canonical one.

Canonical are OpenAI's `tools` and `tool_calls`, with arguments as a text of JSON or, as TRL has them, an object; an
answer of a tool may name its call by `tool_call_id`, as OpenAI asks, or go without, as TRL does.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from app.data import numbers, rules
from app.data.formats.format import Misshapen, Row, kind_in_words
from app.data.limits import DEFAULT
from app.data.rules import Issue
from app.data.syntax import depth_of

TOOLS, CALLS, FORMER_CALL, CALL_ID = "tools", "tool_calls", "function_call", "tool_call_id"
PARALLEL = "parallel_tool_calls"  # whether a model may call several at once: OpenAI's
FORMER_TOOLS, FORMER_ROLE = "functions", "function"  # what OpenAI had before tools
ANSWERS = ("tool", FORMER_ROLE)  # the roles of what a tool answers
_LIST = 'Write a list of objects: [{"type": "function", "function": {"name": "…", "parameters": {…}}}].'
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


def tools_of(row: Row) -> list[dict[str, Any]] | None:
    """Return the tools of a row, None where it has none: TRL's rows may hold them as a text of JSON.

    Raises:
        Misshapen: when they are no list of objects.
    """
    name = FORMER_TOOLS if row.get(TOOLS) is None else TOOLS
    tools = row.get(name)
    if isinstance(tools, str):
        try:
            tools = _read(tools) if tools.strip() else None
        except ValueError as error:
            raise Misshapen(Issue(rules.TOOL, f"{name} is a text that {error}.", f"$.{name}", fix=_LIST)) from None
    if tools is None:
        return None
    if isinstance(tools, list) and all(isinstance(each, dict) for each in tools):
        found = [_all_present(each) for each in tools]
        return [_nested(each) for each in found] if name == FORMER_TOOLS else found
    said = "a list of other things than objects" if isinstance(tools, list) else f"{kind_in_words(tools)}, not a list"
    raise Misshapen(Issue(rules.TOOL, f"{name} is {said}.", f"$.{name}", fix=_LIST))


def with_tools(made: dict[str, Any], row: Row, tools: Callable[[Row], Any] = tools_of) -> dict[str, Any]:
    """Return a canonical row of messages with the tools that the row names beside them, as `tools` reads them.

    Raises:
        Misshapen: as `tools_of`.
    """
    beside = {TOOLS: tools(row), PARALLEL: row.get(PARALLEL)}
    return {**made, **{name: value for name, value in beside.items() if value is not None}}


def described(row: Row) -> list[dict[str, Any]] | None:
    """Return the tools of a row of LLaMA-Factory's, which may be nothing but functions.

    Raises:
        Misshapen: as `tools_of`.
    """
    found = tools_of(row)
    return None if found is None else [_nested(each) for each in found]


def issues(row: Row) -> Iterator[Issue]:
    """Yield what is wrong with the tools of a row."""
    try:
        tools_of(row)
    except Misshapen as error:
        yield error.issue


def message_issues(message: Mapping[str, Any], role: str | None, location: str, *, called: bool) -> Iterator[Issue]:
    """Yield what is wrong with the calls of a message, or with the answer of a tool; `called`: a call stood before."""
    made = [name for name in (CALLS, FORMER_CALL) if message.get(name) is not None]
    if not made and role not in ANSWERS:
        return
    yield Issue(rules.TOOLS, "The message calls a tool or answers for one.", location)
    if role in ANSWERS and not called and not isinstance(message.get(CALL_ID), str):
        said = "The tool's message has no tool_call_id, and no tool was called before it."
        yield Issue(rules.TOOL, said, f"{location}.{CALL_ID}")
    if len(made) > 1:
        yield Issue(rules.TOOL, "The message has both tool_calls and function_call.", f"{location}.{FORMER_CALL}")
    for name in made:
        path = f"{location}.{name}"
        if role != "assistant":
            yield Issue(rules.TOOL, "Only the assistant calls tools.", path)
        calls = message[name] if name == CALLS else [message[name]]
        if not (isinstance(calls, list) and calls and all(isinstance(call, dict) for call in calls)):
            shape = "a list of objects with at least one" if name == CALLS else "an object"
            yield Issue(rules.TOOL, f"{name} must be {shape}.", path)
            continue
        for number, call in enumerate(calls):
            if not isinstance(_function(call).get("name"), str):
                yield Issue(rules.TOOL, f"Call {number + 1} does not name a function.", path)


def calls_anything(message: object) -> bool:
    """Return whether a message calls a tool, soundly or not."""
    return isinstance(message, dict) and (message.get(CALLS) is not None or message.get(FORMER_CALL) is not None)


def current(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message that calls a tool, or answers for one, in the canonical spelling; any other as it is."""
    found = dict(message)
    if found.get("role") == FORMER_ROLE:
        found["role"] = "tool"
    if isinstance(call := found.get(FORMER_CALL), dict):
        del found[FORMER_CALL]
        found.setdefault(CALLS, [call])
    if isinstance(calls := found.get(CALLS), list):
        found[CALLS] = [_nested(_all_present(each)) for each in calls]
    return found


def calls_in(value: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the thought and the calls in a turn of ShareGPT's.

    As LLaMA-Factory reads them (data/formatter.py, FunctionFormatter): a call or a list of calls, each a name and
    arguments, as JSON; a thought in tags of its own may stand before them.

    Raises:
        ValueError: it holds none; with what is wrong with it.
    """
    thought = _THOUGHT.match(value)
    said = _read(value[thought.end() if thought else 0 :])
    calls = said if isinstance(said, list) else [said]
    if not calls or not all(isinstance(each, dict) and isinstance(_function(each).get("name"), str) for each in calls):
        raise ValueError("does not name a function")
    return thought.group().strip() if thought else "", [_nested(each) for each in calls]


def _read(text: str) -> Any:  # noqa: ANN401 -- any JSON
    """Return the value of a text of JSON within a row, which may nest as deep as the row itself.

    Raises:
        ValueError: with what is wrong with it.
    """
    line = text.encode(errors="surrogatepass")
    try:
        if line.count(b"[") + line.count(b"{") > DEFAULT.depth and depth_of(orjson.loads(line)) > DEFAULT.depth:
            raise ValueError(f"nests deeper than {DEFAULT.depth} levels")
        return numbers.loads(line)
    except orjson.JSONDecodeError:
        raise ValueError("is no JSON") from None


def _function(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the function of a call, which templates also take without the object around it."""
    inner = call.get("function")
    return inner if isinstance(inner, dict) else call


def _nested(function: Any) -> Any:  # noqa: ANN401 -- whatever a row has there
    """Return a function, called or described, within the object of its kind."""
    if not isinstance(function, dict) or isinstance(function.get("function"), dict):
        return function
    if not isinstance(function.get("name"), str):
        return function
    outer = {name: function[name] for name in ("id",) if name in function}
    inner = {name: value for name, value in function.items() if name not in {"id", "type"}}
    return {**outer, "type": "function", "function": inner}


def _all_present(value: Any) -> Any:  # noqa: ANN401 -- any JSON
    """Return calls or descriptions of tools without the fields that they have not got, at any depth.

    Arrow gives every object in a column the fields of all of them: the arguments of one tool would stand in the calls
    of each other one as null, and be learned.
    """
    if isinstance(value, list):
        return [_all_present(each) for each in value]
    if isinstance(value, dict):
        return {name: _all_present(each) for name, each in value.items() if each is not None}
    return value
