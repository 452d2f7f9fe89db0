"""Azure's words, and what they come to here: by a table each, whatever the letters' case, and nothing by guessing."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")
_SHOWN = 80  # characters of a word that nobody knows


def meaning(table: Mapping[str, T], word: str) -> T | None:
    """Return what a table says of a word; None for a word that is not in it.

    Azure answers in other letters' case than it is asked (`taskType` in recordings of fine-tuning jobs): case tells
    nothing.
    """
    found = table.get(word)
    return found if found is not None else next((table[each] for each in table if each.lower() == word.lower()), None)


def unknown_word(what: str, word: str) -> str:
    """Return the sentence about a word that is in no table."""
    if not word:
        return f"Azure does not say the state of {what}."
    return f"Azure calls the state of {what} {word[:_SHOWN]!r}, which this version of TuneDesk does not recognise."
