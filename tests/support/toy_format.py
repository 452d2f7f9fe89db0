"""A format that nobody else has: {"riddle": "…", "solution": "…"}: all that a new format asks of its author."""

from typing import Any

from app.data.formats import chat
from app.data.formats.format import Format, Row
from app.domain.datasets import DatasetFormat

_FIELDS = frozenset({"riddle", "solution"})


def _convert(row: Row) -> dict[str, Any]:
    return {"messages": [chat.message("user", row["riddle"]), chat.message("assistant", row["solution"])]}


FORMAT = Format(
    name="riddles", words="riddles and solutions", marks=(_FIELDS,), shape=DatasetFormat.CHAT, fields=_FIELDS,
    convert=_convert,
)  # fmt: skip
