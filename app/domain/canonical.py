r"""The canonical row: what each row of a person's file becomes, and the only thing that training and backends read.

A file of canonical rows is UTF-8 JSON Lines, one object a line, in one of these shapes:

    {"line": 7, "messages": [message, …], "tools": […]}        a conversation; tools are left out where there are none
    {"line": 7, "prompt": "…", "completion": "…"}              two texts, learned as they are, without a chat template
    {"line": 7, "prompt": [message, …], "completion": [message, …]}      a conversation again, its answer set apart
    {"line": 7, "text": "…"}                                   a text, all of it learned
    {"line": 7, "prompt": p, "chosen": c, "rejected": r}       an answer to prefer: all texts, or all lists of messages

The last three may have `tools`, too, where they are messages. A message is {"role": "…", "content": "…"}, with the
further fields that the person's file has: `weight` (0: shown to the model, and not learned), `name`, `tool_calls`, …
`line` is always there, comes first, and is the row's line in the file that the person brought, from 1: every sentence
about a row names that one. `without_line` gives a row as it is sent to a provider, who would refuse a field of ours.

Which of a person's rows becomes what is for `app.data.formats` to say; this module only reads what was made there. It
also runs in the children that train, and so it needs the standard library alone.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.domain import tool_calls

LINE = "line"
_TOOLS = "tools"
_OF_TOOLS = ("name", "tool_calls", "tool_call_id")  # the fields of a message that calls a tool, or answers for one
_NUMBER = re.compile(rb'\A\{"line":\d+,')
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BOM = b"\xef\xbb\xbf"
Message = dict[str, Any]


class Shape(StrEnum):
    """What is learned from a row, and how."""

    MESSAGES = "messages"
    PROMPT = "prompt"  # with its completion
    TEXT = "text"
    PREFERENCE = "preference"


class BadRow(ValueError):
    """A line that is no canonical row: "Line 7" and then `reason` make a sentence without its full stop."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"Line {line} {reason}.")
        self.line, self.reason = line, reason


@dataclass(frozen=True)
class Row:
    """One row. `value` has its texts and lists of messages by name; those of a conversation are all under messages."""

    line: int
    shape: Shape
    value: Mapping[str, Any]

    @property
    def is_conversation(self) -> bool:
        """Whether it is made of messages, and so is written by a chat template."""
        return any(isinstance(part, list) for name, part in self.value.items() if name != _TOOLS)

    @property
    def turns(self) -> list[Message]:
        """The row as a conversation that ends with the answer to learn, of two the chosen one; nothing of a text."""
        roles = {"messages": "", "prompt": "user", "completion": "assistant", "chosen": "assistant"}
        given = [turn for name, role in roles.items() for turn in messages_of(self.value.get(name), role)]
        return [
            {"role": str(turn.get("role", "")), "content": str(turn.get("content") or "")}
            | {name: turn[name] for name in _OF_TOOLS if turn.get(name)}
            for turn in given
        ]


def messages_of(part: object, role: str) -> list[Any]:
    """Return a text as a message from `role`, and messages as they are; nothing of an empty text, or of none."""
    if isinstance(part, str):
        return [{"role": role, "content": part}] if part else []
    return part if isinstance(part, list) else []


def without_line(line: bytes) -> bytes:
    """Return a line of a file of canonical rows without its number; any other line as it is."""
    return _NUMBER.sub(b"{", line)


def read(lines: Iterable[bytes]) -> Iterator[Row]:
    """Yield the rows of a file of canonical rows, blank lines left out.

    Raises:
        BadRow: for the first line that is none.
    """
    for number, line in enumerate(lines, start=1):
        if not (text := line.removeprefix(_BOM).strip()):
            continue
        try:
            value = json.loads(text.decode("utf-8", "surrogatepass"))  # of bytes json guesses the encoding first
        except ValueError as error:
            raise BadRow(number, f"is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise BadRow(number, "is not a JSON object")
        if _SURROGATE.search(text) and (half := _half(value)):
            said = value.get(LINE)
            raise BadRow(said if isinstance(said, int) else number, f"has half of a character ({half})")
        yield parse(value, number)


def _half(value: object) -> str:
    """Return the first lone surrogate in the texts of a value, as JSON escapes it; empty where there is none."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        return error.object[error.start].encode("ascii", "backslashreplace").decode("ascii")
    return ""


def parse(value: Mapping[str, Any], number: int = 0) -> Row:
    """Return one object as a row; `number` is its line where it does not say so itself.

    Raises:
        BadRow: when it has none of the shapes.
    """
    said = value.get(LINE)
    line = said if isinstance(said, int) else number  # rows that an earlier release wrote for a job do not say it
    tools = {_TOOLS: value[_TOOLS]} if value.get(_TOOLS) else {}
    if {"chosen", "rejected"} <= value.keys() or "preferred_output" in value:
        pair = paired(value, line)  # an earlier release left them as the person wrote them
        return Row(line, Shape.PREFERENCE, pair if isinstance(pair["prompt"], str) else {**pair, **tools})
    if isinstance(value.get("messages"), list):
        return Row(line, Shape.MESSAGES, {"messages": value["messages"], **tools})
    parts = {name: value.get(name) for name in ("prompt", "completion")}
    if all(isinstance(part, str) for part in parts.values()):
        return Row(line, Shape.PROMPT, parts)
    if all(isinstance(part, list) for part in parts.values()):
        return Row(line, Shape.MESSAGES, {"messages": [*value["prompt"], *value["completion"]], **tools})
    if isinstance(value.get("text"), str):
        return Row(line, Shape.TEXT, {"text": value["text"]})
    raise BadRow(line, "has neither messages, nor prompt and completion, nor text, nor chosen and rejected")


def paired(value: Mapping[str, Any], line: int = 0) -> dict[str, Any]:
    """Return prompt, chosen and rejected, all three texts or all three lists of messages; OpenAI's names are read, too.

    A prompt that stands at the beginning of both answers is taken out of them.

    Raises:
        BadRow: when there is no prompt or no answer.
    """
    asked = value.get("input")
    parts = {
        "prompt": asked.get("messages") if isinstance(asked, dict) else value.get("prompt"),
        "chosen": value.get("preferred_output", value.get("chosen")),
        "rejected": value.get("non_preferred_output", value.get("rejected")),
    }
    parts["prompt"] = parts["prompt"] or ""
    if all(isinstance(part, str) for part in parts.values()):
        return parts
    roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    for name, part in parts.items():
        turns_of = part if isinstance(part, list) else []
        if not isinstance(part, str | list) or not all(isinstance(turn, dict) for turn in turns_of):
            raise BadRow(line, f"has a {name} that is neither text nor a list of turns")
    turns = {name: messages_of(part, roles[name]) for name, part in parts.items()}
    given = len(turns["prompt"])
    same = _common(turns["chosen"], turns["rejected"])
    if not given:
        turns = {"prompt": turns["chosen"][:same], **{name: turns[name][same:] for name in ("chosen", "rejected")}}
    elif same >= given == _common(turns["prompt"], turns["chosen"]):  # said once more at the beginning of both answers
        turns |= {name: turns[name][given:] for name in ("chosen", "rejected")}
    for name, part in turns.items():
        if not part or (name != "prompt" and part[-1].get("role") != "assistant"):
            raise BadRow(line, f"has no {name} to learn a preference from")
    return dict(turns)


def _common(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> int:
    """Return how many messages both begin with: the same roles and contents."""
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        if any(mine.get(name) != other.get(name) for name in ("role", "content")):
            return number
    return min(len(ours), len(theirs))


@dataclass(frozen=True, eq=False)
class Question:
    """A row as it is asked, equal to itself only.

    `shown` is the prompt for people, empty where the row asks nothing; the model is given `turns`, or `text` as it is.
    """

    line: int
    shown: str
    expected: str
    turns: Sequence[Message] = ()
    text: str = ""
    answer: Mapping[str, Any] | None = None  # the message that is expected, where it calls a tool
    tools: Sequence[Mapping[str, Any]] | None = None

    @property
    def answer_text(self) -> str:
        """The expected answer with its calls of tools, for those who are asked by chat."""
        return tool_calls.as_text(self.expected, (self.answer or {}).get("tool_calls") or ())


def question(row: Row, *, system: str | None = None, examples: Sequence[Row] = ()) -> Question:
    """Return a row as a conversation up to the last of the assistant's turns, which is the answer that is expected.

    The system prompt stands in the place of the row's own; examples go before the row's other turns. A text expects
    itself, and is given nothing.
    """
    turns = row.turns
    if not turns:
        return Question(row.line, "", str(row.value.get("text", "")))
    last = max((position for position, turn in enumerate(turns) if turn["role"] == "assistant"), default=len(turns) - 1)
    asked = turns[:last]
    given = {"role": "system", "content": system or ""}
    head = [turn for turn in asked if turn["role"] == "system"] if system is None else [given]
    shots = [turn for each in examples for turn in each.turns]
    rest = [turn for turn in (*shots, *asked) if turn["role"] != "system"]
    shown = next((turn["content"] for turn in reversed(asked) if turn["role"] == "user"), "")
    answer, tools = turns[last], row.value.get(_TOOLS)
    calling = answer if answer.get("tool_calls") else None
    return Question(row.line, shown, answer["content"], turns=(*head, *rest), answer=calling, tools=tools)
