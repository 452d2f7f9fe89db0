"""ShareGPT rows: {"conversations": [{"from": "human", "value": …}, {"from": "gpt", …}]}, and perhaps a system text.

The rules are those of LLaMA-Factory (data/README.md), which made the format known; tools are not read.
"""

from app.data import rules
from app.data.formats import chat
from app.data.formats.format import Format, Misshapen, Row
from app.data.rules import Issue
from app.domain.datasets import DatasetFormat

_ROLES = {"human": "user", "gpt": "assistant", "system": "system", "user": "user", "assistant": "assistant"}
_FIX = 'Write {"from": "human", "value": "…"}; from may be human, gpt or system. Leave tool calls out.'


def turns_of(row: Row, name: str, *, opening: bool = False) -> list[dict[str, str]]:
    """Return the turns in a field as messages; with `opening`, the row's system text before them.

    Raises:
        Misshapen: when they are none.
    """
    turns = row[name]
    if not isinstance(turns, list) or not turns:
        said = "an empty list" if turns == [] else f"{chat.kind_in_words(turns)}, not a list"
        raise Misshapen(Issue(rules.MESSAGES, f"{name} is {said}.", f"$.{name}", fix=_FIX))
    system = row.get("system") if opening else None
    before = [chat.message("system", system)] if isinstance(system, str) and system else []
    return [*before, *(_message(name, number, turn) for number, turn in enumerate(turns))]


def _message(name: str, number: int, turn: object) -> dict[str, str]:
    speaker, value = (turn.get("from"), turn.get("value")) if isinstance(turn, dict) else (None, None)
    if not isinstance(speaker, str) or speaker not in _ROLES or not isinstance(value, str):
        message = f"Turn {number + 1} of {name} does not have from (human, gpt or system) and value (a text)."
        raise Misshapen(Issue(rules.MESSAGE, message, f"$.{name}[{number}]", fix=_FIX))
    return chat.message(_ROLES[speaker], value)


FORMAT = Format(
    name="sharegpt",
    words="ShareGPT (conversations with from and value)",
    marks=(frozenset({"conversations"}),),
    fits=lambda row: "messages" not in row,
    wins=True,
    shape=DatasetFormat.CHAT,
    fields=frozenset({"conversations", "system"}),
    convert=lambda row: {"messages": turns_of(row, "conversations", opening=True)},
)
