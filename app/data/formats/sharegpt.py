"""ShareGPT rows: {"conversations": [{"from": "human", "value": …}, {"from": "gpt", …}]}, and perhaps a system text.

The rules are those of LLaMA-Factory (data/README.md), which made the format known. A turn from `function_call` holds a
call of a tool as JSON, or several; `observation` is what the tool answered; `tools` describes them all.
"""

from collections.abc import Iterator
from typing import Any

from app.data import rules
from app.data.formats import chat, tools
from app.data.formats.format import Format, Misshapen, Row, kind_in_words
from app.data.rules import Issue
from app.domain.datasets import DatasetFormat

_CALL, _ANSWER = "function_call", "observation"
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    _CALL: "assistant",
    _ANSWER: "tool",
}
_FIX = 'Write {"from": "human", "value": "…"}, and {"from": "gpt", "value": "…"} for the answer.'
_FIX_CALL = 'Write the value as JSON in a text: {"name": "…", "arguments": {…}}, or a list of these.'


def turns_of(row: Row, name: str, *, opening: bool = False) -> list[dict[str, Any]]:
    """Return the turns in a field as messages; with `opening`, the row's system text before them.

    Raises:
        Misshapen: when they are none.
    """
    turns = row[name]
    if not isinstance(turns, list) or not turns:
        said = "an empty list" if turns == [] else f"{kind_in_words(turns)}, not a list"
        raise Misshapen(Issue(rules.MESSAGES, f"{name} is {said}.", f"$.{name}", fix=_FIX))
    system = row.get("system") if opening else None
    before = [chat.message("system", system)] if isinstance(system, str) and system else []
    return [*before, *_messages(name, turns)]


def _messages(name: str, turns: list[Any]) -> Iterator[dict[str, Any]]:
    called: list[str] = []  # the functions whose answers are still to come
    for number, turn in enumerate(turns):
        speaker, value = (turn.get("from"), turn.get("value")) if isinstance(turn, dict) else (None, None)
        if not isinstance(speaker, str) or speaker not in _ROLES or not isinstance(value, str):
            said = f"Turn {number + 1} of {name} does not have from (one of {', '.join(_ROLES)}) and value (a text)."
            raise Misshapen(Issue(rules.MESSAGE, said, f"$.{name}[{number}]", fix=_FIX))
        if speaker == _CALL:
            try:
                thought, calls = tools.calls_in(value)
            except ValueError as error:
                said = f"Turn {number + 1} of {name} is a function_call whose value {error}."
                raise Misshapen(Issue(rules.TOOL, said, f"$.{name}[{number}].value", fix=_FIX_CALL)) from None
            called = [call["function"]["name"] for call in calls]
            yield {"role": "assistant", "content": thought or None, tools.CALLS: calls}
        elif speaker == _ANSWER and called:
            yield {"role": "tool", "name": called.pop(0), "content": value}
        else:
            yield chat.message(_ROLES[speaker], value)


FORMAT = Format(
    name="sharegpt",
    words="ShareGPT (conversations with from and value)",
    marks=(frozenset({"conversations"}),),
    fits=lambda row: "messages" not in row,
    wins=True,
    shape=DatasetFormat.CHAT,
    fields=frozenset({"conversations", "system", tools.TOOLS}),
    convert=lambda row: tools.with_tools(
        {"messages": turns_of(row, "conversations", opening=True)}, row, tools.described
    ),
)
