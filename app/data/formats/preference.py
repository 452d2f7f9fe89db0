"""Preference rows: a chosen and a rejected answer to one prompt (DPO), in TRL's names or in OpenAI's."""

from collections.abc import Iterator
from typing import Any

from app.data import rules
from app.data.formats import chat, tools
from app.data.formats.format import Format, Misshapen, Row, kind_in_words
from app.data.rules import Issue
from app.domain import canonical
from app.domain.datasets import DatasetFormat, Severity

_OURS, _OPENAI = ("chosen", "rejected"), ("preferred_output", "non_preferred_output")


def _issues(row: Row) -> Iterator[Issue]:
    names = _OPENAI if "preferred_output" in row else _OURS
    found = [issue for name in names for issue in _answer(row, name)]
    if names[0] in row and row[names[0]] == row.get(names[1]):
        message = f"{names[0]} and {names[1]} are equal: there is nothing to prefer."
        found.append(Issue(rules.EQUAL_ANSWERS, message, f"$.{names[0]}"))
    yield from found
    if not any(issue.rule.severity is Severity.ERROR for issue in found):
        try:
            _canonical(row)
        except Misshapen as error:
            yield error.issue


def _canonical(row: Row) -> dict[str, Any]:
    try:
        made = {name: chat.plain(part) for name, part in canonical.paired(row).items()}
    except canonical.BadRow as error:
        raise Misshapen(Issue(rules.TYPE, f"The row {error.reason}.", "$", fix=_FIX)) from error
    asked = row.get("input")  # OpenAI's rows name the tools beside the messages there
    named = asked if isinstance(asked, dict) else row
    return made if isinstance(made["prompt"], str) else tools.with_tools(made, named)


def _answer(row: Row, name: str) -> Iterator[Issue]:
    value, path = row.get(name), f"$.{name}"
    if name not in row:
        yield Issue(rules.MISSING, f"The row has no {name}.", path)
    elif isinstance(value, list) and value:
        yield from chat.message_issues(value, path)
    elif isinstance(value, str):
        if not value.strip():
            yield Issue(rules.EMPTY_TEXT, f"{name} is empty.", path)
    else:
        said = "an empty list" if value == [] else kind_in_words(value)
        yield Issue(rules.TYPE, f"{name} is {said}, not a text or a list of messages.", path)


_FIX = (
    "Give prompt, chosen and rejected, each a text or a list of messages; the answers end with the assistant's message."
)
FORMAT = Format(
    name="preference",
    words="preference (chosen and rejected)",
    marks=(frozenset(_OURS), frozenset(_OPENAI)),
    wins=True,
    shape=DatasetFormat.PREFERENCE,
    fields=frozenset({"prompt", "input", tools.TOOLS, tools.PARALLEL, *_OURS, *_OPENAI}),
    convert=_canonical,
    issues=_issues,
)
