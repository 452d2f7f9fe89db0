"""Alpaca rows: {"instruction", "input"?, "output", "system"?, "history"?}.

The rules are those of LLaMA-Factory (data/README.md): the user's message is instruction and input, a line each, and
the earlier questions and answers of `history` are learned, too.
"""

from collections.abc import Iterator
from typing import Any

from app.data import rules
from app.data.formats import chat
from app.data.formats.format import Format, Misshapen, Row, kind_in_words
from app.data.rules import Issue
from app.domain.datasets import DatasetFormat

_TEXTS = ("instruction", "input", "output", "system")
_PAIR = 2


def _canonical(row: Row) -> dict[str, Any]:
    texts = {name: row.get(name) or "" for name in _TEXTS}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise Misshapen(Issue(rules.TYPE, f"{name} is {kind_in_words(text)}, not a text.", f"$.{name}"))
    opening = [chat.message("system", texts["system"])] if texts["system"] else []
    asked = "\n".join(filter(None, (texts["instruction"], texts["input"])))
    turns = [*_history(row.get("history") or []), asked, texts["output"]]
    roles = ("user", "assistant") * len(turns)
    return {"messages": [*opening, *map(chat.message, roles, turns)]}


def _history(pairs: object) -> Iterator[str]:
    """Yield earlier questions and answers, one after the other."""
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if not isinstance(pair, list) or len(pair) != _PAIR or not all(isinstance(text, str) for text in pair):
            raise Misshapen(Issue(rules.TYPE, "history is not a list of pairs of texts.", "$.history", fix=_HISTORY))
        yield from pair


_HISTORY = 'Write [["question", "answer"], …], or leave the field out.'
FORMAT = Format(
    name="alpaca",
    words="Alpaca (instruction, input and output)",
    marks=(frozenset({"instruction", "output"}),),
    fits=lambda row: "messages" not in row,
    wins=True,
    shape=DatasetFormat.CHAT,
    fields=frozenset({*_TEXTS, "history"}),
    convert=_canonical,
)
