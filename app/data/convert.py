"""One row in another format, and whole files for the trainer."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from app.data.formats.recognition import Kind, kind_of
from app.data.limits import DEFAULT
from app.data.lines import numbered_lines

_PEOPLE = {"human": "user", "gpt": "assistant", "system": "system", "user": "user", "assistant": "assistant"}
_TRAINED: dict[Kind, tuple[str, ...]] = {
    Kind.CHAT: ("messages", "tools"),
    Kind.PROMPT_COMPLETION: ("prompt", "completion"),
    Kind.MESSAGE_PAIR: ("prompt", "completion"),
    Kind.TEXT: ("text",),
    Kind.PREFERENCE: ("prompt", "chosen", "rejected", "input", "preferred_output", "non_preferred_output"),
}


def to_chat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chat, prompt/completion, ShareGPT, Alpaca or labelled row as `{"messages": […]}`.

    Raises:
        ValueError: the row is in none of these formats; the text says what is missing.
    """
    match kind_of(row):
        case Kind.CHAT:
            return {"messages": row["messages"]}
        case Kind.PROMPT_COMPLETION | Kind.MESSAGE_PAIR | Kind.UNPAIRED:
            return {"messages": _as_messages(row["prompt"], "user") + _as_messages(row["completion"], "assistant")}
        case Kind.LABELLED:
            return {"messages": _as_messages(row["text"], "user") + _as_messages(str(row["label"]), "assistant")}
        case Kind.ALPACA:
            return {"messages": _alpaca(row)}
        case Kind.SHAREGPT:
            return {"messages": _sharegpt(row["conversations"])}
        case kind:
            raise ValueError(f"A row in {kind.words} cannot be written as chat.")


def to_prompt_completion(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as `{"prompt": […], "completion": […]}`, lists of messages: the last message is the completion.

    Raises:
        ValueError: the row has fewer than two messages, or is in no format that can be read as chat.
    """
    messages = to_chat(row)["messages"]
    if len(messages) < 2:  # noqa: PLR2004
        raise ValueError("A row with one message cannot be parted into prompt and completion.")
    return {"prompt": messages[:-1], "completion": messages[-1:]}


def conversation(row: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Return a row, sound or not, as turns for showing: (role, content, whether it is learned)."""
    kind = kind_of(row)
    if kind is Kind.TEXT and isinstance(row["text"], str):
        return [("text", row["text"], True)]
    if kind is Kind.PREFERENCE:
        return _pair(row)
    try:
        messages = to_chat(row)["messages"]
    except (ValueError, TypeError):
        return []
    return [_turn(message) for message in messages] if isinstance(messages, list) else []


def prompt_and_answer(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a row asks (all but the last message, system messages left out) and what it answers.

    A text row asks its whole text and answers nothing; what cannot be read is ("", "").
    """
    turns = conversation(row) if kind_of(row) is not Kind.PREFERENCE else []
    if len(turns) == 1:
        return turns[0][1], ""
    asked = [content for role, content, _ in turns[:-1] if role not in {"system", "developer"}]
    return "\n".join(asked), turns[-1][1] if turns else ""


def write_training_file(path: Path, out: Path, *, lines: Collection[int] | None = None) -> int:
    """Write rows with nothing but the fields that training reads (all, or these lines); return their number.

    Lines that are no rows of a trainable format are left out: validate first.

    Raises:
        OSError: a file cannot be read or written.
    """
    wanted = None if lines is None else frozenset(lines)
    written = 0
    with path.open("rb") as stream, out.open("wb") as target:
        for number, line in numbered_lines(stream, line_bytes=DEFAULT.line_bytes):
            if wanted is not None and number not in wanted:
                continue
            row = _trained_fields(line)
            if row:
                target.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                written += 1
    return written


def convert_to_chat(path: Path, out: Path) -> Iterator[tuple[int, str]]:
    """Write every row of a file as chat; yield (line number, reason) for each that cannot be.

    Raises:
        OSError: a file cannot be read or written.
    """
    with path.open("rb") as stream, out.open("wb") as target:
        for number, line in numbered_lines(stream, line_bytes=DEFAULT.line_bytes):
            try:
                target.write(orjson.dumps(to_chat(_object(line)), option=orjson.OPT_APPEND_NEWLINE))
            except (ValueError, TypeError) as error:
                yield number, str(error)


def _trained_fields(line: bytes) -> dict[str, Any]:
    try:
        row = _object(line)
    except ValueError:
        return {}
    return {name: row[name] for name in _TRAINED.get(kind_of(row), ()) if name in row}


def _object(line: bytes) -> dict[str, Any]:
    row = orjson.loads(line)
    if not isinstance(row, dict):
        raise ValueError("The line is not an object.")  # noqa: TRY004 - one kind of error for all that is no row
    return row


def _pair(row: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Return a preference row as its prompt's turns, then the end of the chosen answer and of the rejected one."""
    asked = row.get("input")
    prompt = asked.get("messages") if isinstance(asked, dict) else row.get("prompt")
    turns = [_turn(message) for message in prompt] if isinstance(prompt, list) else []
    if isinstance(prompt, str) and prompt:
        turns.append(("user", prompt, False))
    for name, theirs in (("chosen", "preferred_output"), ("rejected", "non_preferred_output")):
        answer = row.get(theirs, row.get(name))
        last = answer[-1] if isinstance(answer, list) and answer else answer
        turns.append((name, last if isinstance(last, str) else _turn(last)[1], name == "chosen"))
    return [(role, content, learned and role == "chosen") for role, content, learned in turns]


def _as_messages(value: Any, role: str) -> list[Any]:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    raise ValueError("Prompt and completion must be texts.")


def _alpaca(row: Mapping[str, Any]) -> list[dict[str, str]]:
    parts = [row["instruction"], row.get("input") or ""]
    if not all(isinstance(part, str) for part in [*parts, row["output"]]):
        raise ValueError("Instruction, input and output must be texts.")
    system = row.get("system")
    opening = [{"role": "system", "content": system}] if isinstance(system, str) and system else []
    asked = "\n".join(part for part in parts if part)  # as LLaMA-Factory joins them
    return [*opening, {"role": "user", "content": asked}, {"role": "assistant", "content": row["output"]}]


def _sharegpt(turns: object) -> list[dict[str, str]]:
    if not isinstance(turns, list) or not turns:
        raise ValueError("conversations must be a list with at least one turn.")
    messages = []
    for turn in turns:
        speaker, value = (turn.get("from"), turn.get("value")) if isinstance(turn, dict) else (None, None)
        if not isinstance(speaker, str) or speaker not in _PEOPLE or not isinstance(value, str):
            raise ValueError("Each turn needs from (human, gpt or system) and value (a text).")
        messages.append({"role": _PEOPLE[speaker], "content": value})
    return messages


def _turn(message: object) -> tuple[str, str, bool]:
    if not isinstance(message, dict):
        return "?", _as_text(message), False
    role, content = message.get("role"), message.get("content")
    learned = role == "assistant" and message.get("weight") != 0
    return role if isinstance(role, str) else "?", content if isinstance(content, str) else _as_text(content), learned


def _as_text(value: object) -> str:
    return "" if value is None else orjson.dumps(value).decode()
