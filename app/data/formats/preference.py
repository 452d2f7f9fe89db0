"""Preference rows, recognised and judged: a chosen and a rejected answer to one prompt (DPO)."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.data import rules
from app.data.formats import chat
from app.data.formats.facts import SEPARATOR, Facts
from app.data.rules import Issue

_NAMES = frozenset({"prompt", "chosen", "rejected", "input", "preferred_output", "non_preferred_output"})


def fast_check(_line: bytes) -> Facts | None:
    """Leave every row to the closer look."""
    return None


def issues(row: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield everything that is wrong with a row, in TRL's names or in OpenAI's."""
    names = ("preferred_output", "non_preferred_output") if "preferred_output" in row else ("chosen", "rejected")
    for name in names:
        yield from _answer(row, name)
    if names[0] in row and row[names[0]] == row.get(names[1]):
        yield Issue(
            rules.EQUAL_ANSWERS, f"{names[0]} and {names[1]} are equal: there is nothing to prefer.", f"$.{names[0]}"
        )


def facts(row: Mapping[str, Any]) -> Facts:
    """Return the facts of a row without errors."""
    texts = list(_texts([row.get(name) for name in sorted(_NAMES)]))
    return Facts((), SEPARATOR.join(texts), "", frozenset(row.keys() - _NAMES))


def _answer(row: Mapping[str, Any], name: str) -> Iterator[Issue]:
    value, path = row.get(name), f"$.{name}"
    if name not in row:
        yield Issue(rules.MISSING, f"The row has no {name}.", path)
    elif isinstance(value, list) and value:
        yield from chat.message_issues(value, path)
    elif isinstance(value, str):
        if not value.strip():
            yield Issue(rules.EMPTY_TEXT, f"{name} is empty.", path)
    else:
        said = "an empty list" if value == [] else chat.kind_in_words(value)
        yield Issue(rules.TYPE, f"{name} is {said}, not a text or a list of messages.", path)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, dict):
        yield from _texts(value.get("content"))
        yield from _texts(value.get("messages"))
