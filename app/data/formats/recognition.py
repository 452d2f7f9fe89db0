"""Which format a row is in, and which one a file is in."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import orjson

from app.domain.datasets import DatasetFormat


class Kind(StrEnum):
    """The formats that are told apart, those that TuneDesk does not train on included."""

    CHAT = "chat"
    PROMPT_COMPLETION = "prompt_completion"
    MESSAGE_PAIR = "message_pair"
    TEXT = "text"
    PREFERENCE = "preference"
    SHAREGPT = "sharegpt"
    ALPACA = "alpaca"
    UNPAIRED = "unpaired"
    LABELLED = "labelled"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"

    @property
    def dataset_format(self) -> DatasetFormat:
        """The dataset format; `unknown` for all that must be converted first."""
        if self is Kind.MESSAGE_PAIR:
            return DatasetFormat.PROMPT_COMPLETION
        return DatasetFormat(self.value) if self.value in set(DatasetFormat) else DatasetFormat.UNKNOWN

    @property
    def words(self) -> str:
        """The format as people call it."""
        return _WORDS[self]


_WORDS = {
    Kind.CHAT: "chat (messages)",
    Kind.PROMPT_COMPLETION: "prompt and completion",
    Kind.MESSAGE_PAIR: "prompt and completion as lists of messages",
    Kind.TEXT: "text",
    Kind.PREFERENCE: "preference (chosen and rejected)",
    Kind.SHAREGPT: "ShareGPT (conversations with from and value)",
    Kind.ALPACA: "Alpaca (instruction, input and output)",
    Kind.UNPAIRED: "unpaired preference (prompt, completion and a true or false label)",
    Kind.LABELLED: "labelled texts (text and label)",
    Kind.AMBIGUOUS: "more than one format",
    Kind.UNKNOWN: "no known format",
}


def kind_of(row: Mapping[str, Any]) -> Kind:
    """Return the format of one row, by its fields."""
    keys = row.keys()
    if {"chosen", "rejected"} <= keys or {"preferred_output", "non_preferred_output"} <= keys:
        return Kind.PREFERENCE
    if "conversations" in keys and "messages" not in keys:
        return Kind.SHAREGPT
    if {"instruction", "output"} <= keys and "messages" not in keys:
        return Kind.ALPACA
    if {"text", "label"} <= keys and "messages" not in keys:
        return Kind.LABELLED
    return _trainable_kind(row)


def _trainable_kind(row: Mapping[str, Any]) -> Kind:
    keys = row.keys()
    has_pair = {"prompt", "completion"} <= keys
    if has_pair and isinstance(row.get("label"), bool):
        return Kind.UNPAIRED
    pair = Kind.PROMPT_COMPLETION
    if has_pair and isinstance(row["prompt"], list) and isinstance(row["completion"], list):
        pair = Kind.MESSAGE_PAIR
    present = [
        kind
        for kind, there in (
            (Kind.CHAT, "messages" in keys),
            (pair, has_pair),
            (Kind.TEXT, "text" in keys),
        )
        if there
    ]
    if len(present) > 1:
        return Kind.AMBIGUOUS
    return present[0] if present else Kind.UNKNOWN


def kind_of_file(lines: Iterable[bytes]) -> tuple[Kind, tuple[str, ...]]:
    """Return the format that most of these first rows have, and the fields of the first one that can be read."""
    counts: Counter[Kind] = Counter()
    fields: tuple[str, ...] = ()
    for line in lines:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(row, dict):
            fields = fields or tuple(row)
            counts[kind_of(row)] += 1
    del counts[Kind.UNKNOWN], counts[Kind.AMBIGUOUS]
    return (counts.most_common(1)[0][0] if counts else Kind.UNKNOWN), fields
