"""Rows by line number, a page at a time, from files of any size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.data.index import LineIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMessage:
    """One turn as shown: `content` has hidden characters made visible; `learned` says whether it receives loss."""

    role: str
    content: str
    learned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a file as shown: `raw` is its text, hidden characters made visible; `cut` when not whole.

    `messages` is the row as a conversation, empty where it cannot be read; then `problem` says why.
    """

    line: int
    bytes: int
    raw: str
    cut: bool
    messages: Sequence[RowMessage]
    problem: str = ""


def read_rows(path: Path, index: LineIndex, start: int, limit: int) -> list[Row]:
    """Return up to `limit` rows from line number `start` (from 1) on, blank lines left out."""
    raise NotImplementedError
