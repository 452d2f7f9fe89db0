"""Rows of Azure's text generation: {"text", "ground_truth"}; the user says the text, the assistant the ground truth."""

from typing import Any

from app.data import rules
from app.data.formats import chat
from app.data.formats.format import Format, Misshapen, Row, kind_in_words
from app.data.rules import Issue
from app.domain.datasets import DatasetFormat

_FIELDS = frozenset({"text", "ground_truth"})


def _canonical(row: Row) -> dict[str, Any]:
    for name in ("text", "ground_truth"):
        if not isinstance(row[name], str):
            raise Misshapen(Issue(rules.TYPE, f"{name} is {kind_in_words(row[name])}, not a text.", f"$.{name}"))
    return {"messages": [chat.message("user", row["text"]), chat.message("assistant", row["ground_truth"])]}


FORMAT = Format(
    name="ground_truth",
    words="text and ground truth",
    marks=(_FIELDS,),
    fits=lambda row: "messages" not in row and "label" not in row,
    wins=True,
    shape=DatasetFormat.CHAT,
    fields=_FIELDS,
    convert=_canonical,
)
