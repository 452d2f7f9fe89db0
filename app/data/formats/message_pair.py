"""Prompt/completion rows whose prompt and completion are lists of messages, as TRL reads them."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.data import rules
from app.data.formats import chat, tools
from app.data.formats.format import Format, kind_in_words
from app.data.rules import Issue
from app.domain.datasets import DatasetFormat

_NAMES = ("prompt", "completion")


def _issues(row: Mapping[str, Any]) -> Iterator[Issue]:
    for name in _NAMES:
        messages = row.get(name)
        if not isinstance(messages, list):
            said = f"is {kind_in_words(messages)}, not a list of messages" if name in row else "is missing"
            yield Issue(rules.TYPE if name in row else rules.MISSING, f"{name} {said}.", f"$.{name}")
        elif not messages:
            yield Issue(rules.EMPTY_TEXT, f"{name} is an empty list.", f"$.{name}")
        else:
            yield from chat.message_issues(messages, f"$.{name}")
            yield from _last(name, messages)
    yield from tools.issues(row)


def _last(name: str, messages: list[Any]) -> Iterator[Issue]:
    if name == "completion" and chat.known_role(messages[-1]) not in {"assistant", None}:
        message = "The completion does not end with the assistant's message, which is what is learned."
        yield Issue(rules.LAST_ROLE, message, f"$.completion[{len(messages) - 1}].role")


FORMAT = Format(
    name="message_pair",
    words="prompt and completion as lists of messages",
    marks=(frozenset(_NAMES),),
    fits=lambda row: all(isinstance(row[name], list) for name in _NAMES),
    shape=DatasetFormat.PROMPT_COMPLETION,
    fields=frozenset({*_NAMES, tools.TOOLS, tools.PARALLEL}),
    convert=lambda row: tools.with_tools({name: chat.plain(row[name]) for name in _NAMES}, row),
    issues=_issues,
)
