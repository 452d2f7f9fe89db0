"""Rows as people bring them, in small: a message for each of a few subjects, to be sorted into one of three queues."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LABELS = ("account", "billing", "delivery")
_SUBJECTS = {
    "account": ("password", "login", "profile", "username"),
    "billing": ("invoice", "refund", "charge", "payment"),
    "delivery": ("parcel", "courier", "shipment", "doorstep"),
}
_PHRASES = ("My {} is wrong, please look", "Where do I see the {}?", "The {} again, for the third time",
            "I have a question about a {}")  # fmt: skip
RULE = "Sort the message into one queue."


def questions(count: int = 48) -> list[tuple[str, str]]:
    """Return messages with their queues, each queue as often as the next."""
    found = [(phrase.format(_SUBJECTS[label][at]), label) for phrase in _PHRASES for at in range(4) for label in LABELS]
    return found[:count]


def chats(count: int = 48, *, before: Iterable[dict[str, str]] = ()) -> list[dict[str, Any]]:
    """Return the messages as conversations; `before` stands before each."""
    return [
        {"messages": [*before, {"role": "user", "content": text}, {"role": "assistant", "content": label}]}
        for text, label in questions(count)
    ]


def completions(count: int = 48) -> list[dict[str, Any]]:
    """Return them as prompt and completion."""
    return [{"prompt": text, "completion": label} for text, label in questions(count)]


def pairs_with_the_question_in_the_answers(count: int = 12) -> list[dict[str, Any]]:
    """Return them as preferences in which each answer begins with the whole prompt."""
    found = []
    for text, label in questions(count):
        asked = {"role": "user", "content": text}
        said = [[asked, {"role": "assistant", "content": answer}] for answer in (label, "no idea")]
        found.append({"prompt": text, "chosen": said[0], "rejected": said[1]})
    return found


def pairs_in_sharegpts_words(count: int = 12) -> list[dict[str, Any]]:
    """Return them as preferences under the names that ShareGPT's rows have."""
    return [
        {"conversations": [{"from": "human", "value": text}], "chosen": {"from": "gpt", "value": label},
         "rejected": {"from": "gpt", "value": "no"}}
        for text, label in questions(count)
    ]  # fmt: skip


def with_a_call_in_line(line: int, count: int = 24) -> list[dict[str, Any]]:
    """Return conversations of which one calls a function."""
    function = {"name": "find_order", "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}}}
    call = {"id": "call_1", "type": "function", "function": {"name": "find_order", "arguments": '{"number": 7}'}}
    rows = chats(count)
    rows[line - 1] = {
        "messages": [
            {"role": "user", "content": "Where is order 7?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "in Bern", "tool_call_id": "call_1"},
            {"role": "assistant", "content": "It is in Bern."},
        ],
        "tools": [{"type": "function", "function": function}],
    }
    return rows


def write(rows: Iterable[dict[str, Any]], path: Path) -> Path:
    """Write rows as JSON Lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
