"""Prompt/completion rows whose prompt and completion are lists of messages, as TRL reads them."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.data import rules
from app.data.formats import chat
from app.data.formats.facts import Facts
from app.data.rules import Issue

_NAMES = ("prompt", "completion")


def fast_check(_line: bytes) -> Facts | None:
    """Leave every row to the closer look."""
    return None


def issues(row: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield everything that is wrong with a row."""
    for name in _NAMES:
        messages = row.get(name)
        if not isinstance(messages, list):
            said = f"is {chat.kind_in_words(messages)}, not a list of messages" if name in row else "is missing"
            yield Issue(rules.TYPE if name in row else rules.MISSING, f"{name} {said}.", f"$.{name}")
        elif not messages:
            yield Issue(rules.EMPTY_TEXT, f"{name} is an empty list.", f"$.{name}")
        else:
            yield from chat.message_issues(messages, f"$.{name}")
            yield from _last(name, messages)


def facts(row: Mapping[str, Any]) -> Facts:
    """Return the facts of a row without errors."""
    found = chat.facts({"messages": [*row["prompt"], *row["completion"]]})
    extra = frozenset(row.keys() - set(_NAMES))
    return found._replace(extra=extra, features=found.features | {"conversational"})


def _last(name: str, messages: list[Any]) -> Iterator[Issue]:
    if name == "completion" and chat.known_role(messages[-1]) not in {"assistant", None}:
        message = "The completion does not end with the assistant's message, which is what is learned."
        yield Issue(rules.LAST_ROLE, message, f"$.completion[{len(messages) - 1}].role")
