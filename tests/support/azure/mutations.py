"""Thirty ways in which an answer may be other than we think it is, each applied to one member of a body."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.support.azure.wire import AnyJson

Steps = tuple[str | int, ...]
_ABSENT = object()
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_DEEPEST, _MEMBERS = 7, 400


def _text(change: Callable[[str], AnyJson]) -> Callable[[AnyJson], AnyJson]:
    """Apply to texts only."""
    return lambda value: change(value) if isinstance(value, str) else value


def _time(change: str) -> Callable[[AnyJson], AnyJson]:
    return _text(lambda value: change if _TIME.match(value) else value)


def _number(change: Callable[[float], AnyJson]) -> Callable[[AnyJson], AnyJson]:
    return lambda value: change(value) if type(value) in {int, float} else value


def _list(change: Callable[[list[AnyJson]], AnyJson]) -> Callable[[AnyJson], AnyJson]:
    return lambda value: change(value) if isinstance(value, list) else value


# A mutation that leaves a value as it is does not apply to it.
MUTATIONS: Mapping[str, Callable[[AnyJson], AnyJson]] = {
    "null": lambda _value: None,
    "absent": lambda _value: _ABSENT,
    "other case": _text(str.swapcase),
    "capitals": _text(str.upper),
    "unknown word": _text(lambda _value: "Hibernating"),
    "another word appended": _text(lambda value: f"{value}ButNotQuite"),
    "one more level": lambda value: {"value": value},
    "one more list": lambda value: [value],
    "number as text": _number(str),
    "text as number": _text(lambda _value: 7),
    "text as flag": _text(lambda _value: True),
    "text as list": _text(lambda value: [*value]),
    "empty list": lambda _value: [],
    "empty object": lambda _value: {},
    "empty text": lambda _value: "",
    "blank text": _text(lambda value: f"  {value}\n"),
    "extra member": lambda value: {**value, "newSince": {"deep": [1]}} if isinstance(value, dict) else value,
    "members in other case": lambda value: (
        {name[:1].upper() + name[1:]: each for name, each in value.items()} if isinstance(value, dict) else value
    ),
    "seven digits": _time("2024-11-25T07:35:00.0545511+00:00"),
    "no zone": _time("2024-11-25 07:35:00"),
    "no time": _time("yesterday at noon"),
    "a time of long ago": _time("0001-01-01T00:00:00+00:00"),
    "lower-case groups": _text(lambda value: value.replace("/resourceGroups/", "/resourcegroups/")),
    "negative": _number(lambda value: -value - 1),
    "fraction": _number(lambda value: value + 0.5),
    "not a number": _number(lambda _value: "NaN"),
    "beyond all bounds": _number(lambda _value: 10**400),
    "null among others": _list(lambda value: [None, *value, None]),
    "twice": _list(lambda value: [*value, *value]),
    "flags among others": _list(lambda value: [True, *value, 3]),
    "a page": _text(lambda _value: "<html><body>Sign in</body></html>"),
    "endless": _text(lambda value: value + "x" * 70_000),
    "other letters": _text(lambda value: f"{value}\u202e\u0130\U0001f4a5"),
}


def members(body: AnyJson, before: Steps = ()) -> Iterator[tuple[Steps, AnyJson]]:
    """Yield the members of a body with the way to each, the outer before the inner."""
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in list(items)[:_MEMBERS]:
        yield (*before, name), value
        if len(before) < _DEEPEST:
            yield from members(value, (*before, name))


def applicable(body: AnyJson, mutation: str) -> list[Steps]:
    """Return the ways to the members that a mutation changes."""
    change = MUTATIONS[mutation]
    return [steps for steps, value in members(body) if change(value) != value]


def mutated(body: AnyJson, steps: Steps, mutation: str) -> AnyJson:
    """Return a body, one member of which is other than it was."""
    changed: Any = copy.deepcopy(body)
    position = changed
    for step in steps[:-1]:
        position = position[step]
    value = MUTATIONS[mutation](position[steps[-1]])
    if value is not _ABSENT:
        position[steps[-1]] = value
    elif isinstance(position, list):
        position.pop(int(steps[-1]))
    else:
        del position[steps[-1]]
    return changed
