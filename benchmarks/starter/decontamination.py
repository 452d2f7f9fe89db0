"""Keeps generated text apart from rows that are used to choose or to test: no shared run of words."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

LENGTH = 4
"""Words in a row that a generated message may not share with a held-out one."""

_WORD = re.compile(r"[a-z0-9']+")


def word_runs(text: str, length: int = LENGTH) -> set[tuple[str, ...]]:
    """Every run of ``length`` words of a text, lower-cased and without punctuation."""
    words = _WORD.findall(text.lower())
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def user_texts(path: Path) -> list[str]:
    """The customers' messages of a messages-format JSONL file, one a row."""
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [next(message["content"] for message in row["messages"] if message["role"] == "user") for row in rows]


def held_out_runs(paths: Iterable[Path], length: int = LENGTH) -> set[tuple[str, ...]]:
    """Every run of words that occurs in one of the held-out files."""
    return {run for path in paths for text in user_texts(path) for run in word_runs(text, length)}


def is_clean(text: str, held_out: set[tuple[str, ...]], length: int = LENGTH) -> bool:
    """Whether a text shares no run of ``length`` words with the held-out rows."""
    return held_out.isdisjoint(word_runs(text, length))
