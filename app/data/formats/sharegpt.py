"""ShareGPT rows: {"conversations": [{"from": "human", "value": …}, {"from": "gpt", …}]}, and perhaps a system text.

The rules are those of LLaMA-Factory (data/README.md), which made the format known; tools are not read.
"""

from typing import Any

from app.data import rules
from app.data.formats import chat
from app.data.formats.format import Format, Misshapen, Row
from app.data.rules import Issue
from app.domain.datasets import DatasetFormat

_ROLES = {"human": "user", "gpt": "assistant", "system": "system", "user": "user", "assistant": "assistant"}
_FIX = 'Write {"from": "human", "value": "…"}; from may be human, gpt or system. Leave tool calls out.'


def _canonical(row: Row) -> dict[str, Any]:
    turns = row["conversations"]
    if not isinstance(turns, list) or not turns:
        said = "an empty list" if turns == [] else f"{chat.kind_in_words(turns)}, not a list"
        raise Misshapen(Issue(rules.MESSAGES, f"conversations is {said}.", "$.conversations", fix=_FIX))
    system = row.get("system")
    opening = [chat.message("system", system)] if isinstance(system, str) and system else []
    return {"messages": [*opening, *(_message(number, turn) for number, turn in enumerate(turns))]}


def _message(number: int, turn: object) -> dict[str, str]:
    speaker, value = (turn.get("from"), turn.get("value")) if isinstance(turn, dict) else (None, None)
    if not isinstance(speaker, str) or speaker not in _ROLES or not isinstance(value, str):
        message = f"Turn {number + 1} does not have from (human, gpt or system) and value (a text)."
        raise Misshapen(Issue(rules.MESSAGE, message, f"$.conversations[{number}]", fix=_FIX))
    return chat.message(_ROLES[speaker], value)


FORMAT = Format(
    name="sharegpt",
    words="ShareGPT (conversations with from and value)",
    marks=(frozenset({"conversations"}),),
    fits=lambda row: "messages" not in row,
    wins=True,
    shape=DatasetFormat.CHAT,
    fields=frozenset({"conversations", "system"}),
    convert=_canonical,
)
