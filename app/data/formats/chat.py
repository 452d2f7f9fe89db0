"""Chat rows: {"messages": [{"role", "content"}, …]}, as OpenAI, Azure and TRL define them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from app.data import rules
from app.data.formats import tools
from app.data.formats.facts import SEPARATOR, Facts, extra_fields
from app.data.formats.format import Format, Row, kind_in_words
from app.data.rules import Issue
from app.data.visible import visible
from app.domain.datasets import DatasetFormat
from app.kit.sentences import ended

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
OPENING = {"system", "developer"}
FIELDS = frozenset({"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal"})
_MESSAGES = frozenset({"messages"})
_SYSTEM = "system"  # a system prompt may stand beside the messages
_OF_TOOLS = frozenset({tools.CALLS, tools.FORMER_CALL})
_KNOWN = frozenset({"messages", _SYSTEM, tools.TOOLS, tools.PARALLEL, tools.FORMER_TOOLS})
_CLOSELY = frozenset({_SYSTEM, tools.TOOLS, tools.FORMER_TOOLS})  # fields of which a quick look does not tell all
REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, msgspec.Meta(min_length=1)]


class _Row(msgspec.Struct, gc=False):
    messages: list[_Message]


decode = msgspec.json.Decoder(_Row).decode  # of a plain row: nothing but these roles, and texts that are not empty


def fast_check(line: bytes) -> Facts | None:
    """Return the facts of a plain, sound row; None where it needs a closer look."""
    try:
        messages = decode(line).messages
    except REFUSED:
        return None
    roles = tuple([message.role for message in messages])
    texts = [message.content for message in messages]
    if roles not in _USUAL and not is_usual(roles):
        return None
    text = SEPARATOR.join(texts)
    if "\0" in text or True in map(str.isspace, texts):
        return None
    more = line.count(b'"') - 2 - 8 * len(texts)  # besides those around names, roles and contents
    if more and (more := more - text.count('"')):
        extra = extra_fields(line, more, _MESSAGES)
        return None if extra is None or extra & _CLOSELY else Facts(roles, text, texts[-1], extra - _KNOWN)
    return Facts(roles, text, texts[-1])


def is_usual(roles: tuple[str, ...]) -> bool:
    """Return whether roles stand as chat templates like them: at most one opening, then user and assistant in turn."""
    turns = roles[1:] if roles and roles[0] in OPENING else roles
    return len(turns) > 0 and len(turns) % 2 == 0 and turns == ("user", "assistant") * (len(turns) // 2)


_USUAL = frozenset(
    opening + ("user", "assistant") * turns for opening in ((), ("system",), ("developer",)) for turns in range(1, 16)
)  # looked up first, for most rows are short


def issues(row: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield everything that is wrong with a row."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        is_list = isinstance(messages, str) and messages.lstrip().startswith("[")
        yield Issue(rules.MESSAGES, _missing(row, messages), "$.messages", fix=_LIST_AS_TEXT if is_list else "")
        return
    yield from message_issues(messages, "$.messages")
    roles = [known_role(message) for message in messages]
    if row.get(_SYSTEM):
        if not isinstance(row[_SYSTEM], str):
            yield Issue(rules.TYPE, f"system is {kind_in_words(row[_SYSTEM])}, not a text.", "$.system")
        roles.insert(0, _SYSTEM)
    if roles[-1] not in {"assistant", None}:
        message = (
            f"The last message must come from the assistant, not from {roles[-1]}: that is the answer the model learns."
        )
        yield Issue(rules.LAST_ROLE, message, f"$.messages[{len(messages) - 1}].role")
    yield from _order(roles)
    yield from _weights(messages)
    yield from tools.issues(row)


def message_issues(messages: list[Any], path: str) -> Iterator[Issue]:
    """Yield what is wrong with single messages of a list."""
    called = False
    for number, message in enumerate(messages):
        location = f"{path}[{number}]"
        if not isinstance(message, dict):
            yield Issue(rules.MESSAGE, f"Message {number + 1} is {kind_in_words(message)}, not an object.", location)
            continue
        yield from _role(message, location)
        yield from _content(message, location)
        yield from tools.message_issues(message, known_role(message), location, called=called)
        called = called or tools.calls_anything(message)
        for name in present(message).keys() - FIELDS:
            yield Issue(
                rules.MESSAGE_FIELD, f"The field {name[:60]!r} is unknown here.", f"{location}.{visible(name[:60])}"
            )


def message(role: str, content: str) -> dict[str, str]:
    """Return a message."""
    return {"role": role, "content": content}


def _missing(row: Mapping[str, Any], messages: object) -> str:
    if "messages" not in row:
        names = ", ".join(visible(name[:40]) for name in list(row)[:8]) or "none"
        return ended(f"The row has no messages; its fields are: {names}")
    return "messages is an empty list." if messages == [] else f"messages is {kind_in_words(messages)}, not a list."


def known_role(message: object) -> str | None:
    """Return the role of a message, None where it has no known one."""
    role = message.get("role") if isinstance(message, dict) else None
    return role if isinstance(role, str) and role in ROLES else None


def _role(message: dict[str, Any], location: str) -> Iterator[Issue]:
    role = message.get("role")
    if role is None:
        yield Issue(rules.ROLE, "The message has no role.", f"{location}.role")
    elif not isinstance(role, str):
        yield Issue(rules.ROLE, f"The role is {kind_in_words(role)}, not a text.", f"{location}.role")
    elif role not in ROLES:
        meant = meant_role(role)
        yield Issue(
            rules.ROLE, f'Unknown role "{role[:40]}".', f"{location}.role", fix=f'Use "{meant}".' if meant else ""
        )


def meant_role(role: str) -> str | None:
    """Return the role that an unknown word most likely stands for; None where that is not clear."""
    known = {"human": "user", "bot": "assistant", "gpt": "assistant", "ai": "assistant", "model": "assistant"}
    word = role.strip().lower()
    return known.get(word) or (word if word in ROLES else None)


def _content(message: dict[str, Any], location: str) -> Iterator[Issue]:
    content, path = _joined(message.get("content")), f"{location}.content"
    calls = message.get("tool_calls") or message.get("function_call")
    if isinstance(content, str):
        if not content.strip() and not calls:
            yield Issue(rules.EMPTY_CONTENT, "The content is empty." if not content else "The content is blank.", path)
        if "\0" in content:
            yield Issue(rules.NUL_TEXT, "The content holds a NUL character (\\u0000).", path)
    elif isinstance(content, list):
        fix = "Leave all parts but those of the type text out: pictures and sound are not trained on."
        yield Issue(rules.CONTENT, "The content is a list of parts that are not all text.", path, fix=fix)
    elif content is not None:
        yield Issue(rules.CONTENT, f"The content is {kind_in_words(content)}, not a text.", path)
    elif not calls:
        said = "The content is null." if "content" in message else "The message has no content."
        yield Issue(rules.EMPTY_CONTENT, said, path)


def _order(roles: list[str | None]) -> Iterator[Issue]:
    if "user" not in roles and None not in roles:
        yield Issue(rules.NO_USER, "No message is from the user.", "$.messages")
    before: str | None = None
    for number, role in enumerate(roles):
        path = f"$.messages[{number}].role"
        if role in OPENING and number > 0:
            yield Issue(rules.ORDER, f"The {role} message stands in place {number + 1}, not first.", path)
        elif role == before and role in {"user", "assistant"}:
            yield Issue(rules.ORDER, f"Two messages in a row are from {role}.", path)
        before = role


def _weights(messages: list[Any]) -> Iterator[Issue]:
    learned = []
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            continue
        weight, path = message.get("weight"), f"$.messages[{number}].weight"
        if message.get("role") == "assistant":
            learned.append(weight)
        elif weight is not None:
            yield Issue(rules.WEIGHT, f"A weight stands on a message from {message.get('role')!r:.40}.", path)
        if weight is not None and (isinstance(weight, bool) or not isinstance(weight, int) or weight not in {0, 1}):
            yield Issue(rules.WEIGHT, f"The weight is {str(weight)[:40]}, not 0 or 1.", path)
    if learned and all(isinstance(weight, int) and weight == 0 for weight in learned):
        yield Issue(rules.ALL_WEIGHTS_ZERO, "Every assistant message has the weight 0.", "$.messages")


def present(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message without the fields that it has not got.

    Tables, Parquet's too, have a column for each field that any message has, and a null where one has it not. A content
    that is null stays: it is one of a call of tools.
    """
    if None not in message.values():
        return message
    return {name: value for name, value in message.items() if value is not None or name == "content"}


def plain(part: Any) -> Any:  # noqa: ANN401 -- whatever a row has there
    """Return a list of messages with what each has, and its content as one text; anything else as it is."""
    return [_plain(each) if isinstance(each, dict) else each for each in part] if isinstance(part, list) else part


def _plain(message: Mapping[str, Any]) -> Mapping[str, Any]:
    content = message.get("content")
    found = present({**message, "content": _joined(content)} if isinstance(content, list) else message)
    return found if _OF_TOOLS.isdisjoint(found) and found.get("role") not in tools.ANSWERS else tools.current(found)


def _joined(content: object) -> object:
    """Return parts of text as one text, as the server's own door to chats reads them; anything else as it is."""
    if not isinstance(content, list) or not content or not all(isinstance(part, dict) for part in content):
        return content
    parts = [present(part) for part in content]
    if all(part.keys() == {"type", "text"} and part["type"] == "text" for part in parts):
        texts = [part["text"] for part in parts]
        return "".join(texts) if all(isinstance(text, str) for text in texts) else content
    return content


def _canonical(row: Row) -> dict[str, Any]:
    messages = plain(row["messages"])
    if row.get(_SYSTEM) and isinstance(row[_SYSTEM], str) and isinstance(messages, list):
        messages = [message("system", row[_SYSTEM]), *messages]
    return tools.with_tools({"messages": messages}, row)


_LIST_AS_TEXT = (
    "Export the rows as JSON Lines or Parquet: a table as text has no lists. Where the cells are JSON, call the column "
    "messages:json."
)


FORMAT = Format(
    name="chat",
    words="chat (messages)",
    marks=(_MESSAGES,),
    shape=DatasetFormat.CHAT,
    fields=_KNOWN,
    convert=_canonical,
    issues=issues,
    fast_check=fast_check,
    texts=range(8, 1 << 20, 8),  # {"messages": [{"role": "user", "content": "
    last=b"}]",
)
