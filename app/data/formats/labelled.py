"""Labelled rows: {"text", "label"}; the user says the text, and the assistant answers with the label."""

from typing import Any

from app.data import numbers, rules
from app.data.formats import chat
from app.data.formats.format import Format, Misshapen, Row, kind_in_words
from app.data.rules import Issue
from app.domain.datasets import DatasetFormat

_FIELDS = frozenset({"text", "label"})


def _canonical(row: Row) -> dict[str, Any]:
    text, label = row["text"], row["label"]
    if not isinstance(text, str):
        raise Misshapen(Issue(rules.TYPE, f"text is {kind_in_words(text)}, not a text.", "$.text"))
    if not isinstance(label, str | int | float):
        message = f"label is {kind_in_words(label)}, not a text or a number."
        raise Misshapen(Issue(rules.TYPE, message, "$.label"))
    answer = label if isinstance(label, str) else numbers.dumps(label).decode()
    return {"messages": [chat.message("user", text), chat.message("assistant", answer)]}


FORMAT = Format(
    name="labelled",
    words="labelled texts (text and label)",
    marks=(_FIELDS,),
    fits=lambda row: "messages" not in row,
    wins=True,
    shape=DatasetFormat.CHAT,
    fields=_FIELDS,
    convert=_canonical,
)
