"""What validation needs to know of a sound row, and the check that lets a quick look be trusted."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from app.data.syntax import depth_of, quotes_of

SEPARATOR = "\x1e"  # stands between texts, so that two rows with the same words in other messages differ
QUICK_DEPTH = 64
_TOOL_FIELDS = {"tool_calls", "tool_call_id", "function_call"}


class Facts(NamedTuple):
    """A sound row: its roles in order, its texts joined, its answer, its untrained fields, its features."""

    roles: tuple[str, ...]
    text: str
    answer: str
    extra: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()


def facts_of(row: Mapping[str, Any], extra: frozenset[str]) -> Facts:
    """Return the facts of a sound canonical row (`app.domain.canonical`) that had these further fields."""
    if "text" in row:
        return Facts((), row["text"], "", extra)
    if "chosen" in row:
        return Facts((), SEPARATOR.join(_texts(row["prompt"], row["chosen"], row["rejected"])), "", extra)
    if isinstance(row.get("prompt"), str):
        return Facts((), f"{row['prompt']}{SEPARATOR}{row['completion']}", row["completion"], extra)
    messages = row["messages"] if "messages" in row else [*row["prompt"], *row["completion"]]
    texts = [message.get("content") or "" for message in messages]
    features = {"conversational"} if "completion" in row else set()
    features |= {"tools" for message in messages if not _TOOL_FIELDS.isdisjoint(message)}
    features |= {"weight" for message in messages if message.get("weight") == 0}
    roles = tuple(message["role"] for message in messages)
    return Facts(roles, SEPARATOR.join(texts), texts[-1], extra, frozenset(features))


def _texts(*parts: object) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            yield from _texts(*(message.get("content") for message in part))


def extra_fields(line: bytes, quotes: int, trained: frozenset[str]) -> frozenset[str] | None:
    """Return a row's further fields; None where the row needs a closer look (it may have a key twice, for example).

    `quotes` is the number of quotation marks that the line has outside of its further fields.
    """
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if line.count(b"[") + line.count(b"{") > QUICK_DEPTH and depth_of(row) > QUICK_DEPTH:
        return None
    rest = {name: value for name, value in row.items() if name not in trained}
    if quotes_of(rest) != quotes:
        return None
    return frozenset(rest)
