"""What pages, answers and documents say is what a native writer would say: phrases that were replaced stay replaced.

Each was read by somebody who did not understand it, or not at once; what stands in its stead is in the same commit.
"""

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, for_each, name, tracked

REPLACED = (
    "needs mending",
    "must be mended",
    "Mend the ",
    "Mend it",
    "Mend that",
    "has to be chosen",
    "it must be the assistant's",
    "There is no role",
    "How rows are dealt",
    "rows are dealt",
    "rows were dealt",
    "deals the same rows",
    "in equal shares",
    "Equal values stay together",
    "asks what a training row asks",
    "learned by heart",
    "learning by heart",
    "Nobody sees whether",
    "nobody sees whether",
    "Their oldest fact",
    "Its end is near, without a date",
    "can still be named",
    "Left behind",
    "Where its jobs run",
    "On the wire:",
    "unknown: set your price",
    "is trained on (",
    "what nobody needs any more",
    "What lies before it",
    "came too late",
    "broken off by an error of ours",
    "your own prices over them",
    "the web never loads it",
    "Models that answer now",
    "after the step it is in",
    "is evaluated like any",
    "a cancelled job does not go on",
    "What takes it",
    "Make a model",
    "; flatters",
    "it serves nobody and costs nothing",
    "Take out",
    "take out<",
    "Not possible right now",
    "name the request:",
    "(there stands",
    "Longest answer",
    "Whatever this machine has",
    "Nobody needs these",
    "follows by itself",
    "opens nothing any more",
    "is kept nowhere here",
    "the figures are too kind",
    "what came of it.",
)
JOINED = re.compile(r"\"\s*\n\s*f?\"")
READ = [
    path
    for path in tracked()
    if path.suffix in {".py", ".html", ".js", ".md", ".json"}
    and path.relative_to(ROOT).parts[0] in {"app", "templates", "static", "docs", "README.md"}
    and not {"vendor", "samples", "adr"} & set(path.parts)
]
# The spell in which a phrase is no text for people: what code calls a thing, and what a comment or docstring says.
COMMENTS = re.compile(r'""".*?"""|^\s*#[^\n]*|  # [^\n]*', re.DOTALL | re.MULTILINE)


def texts(source: str, suffix: str) -> str:
    """A file's text with literals that are joined, and, of Python, without comments and docstrings."""
    return JOINED.sub("", COMMENTS.sub("", source) if suffix == ".py" else source)


@for_each(READ, name)
def test_replaced_phrases_stay_replaced(path: Path) -> None:
    source = texts(path.read_text(encoding="utf-8"), path.suffix)
    assert [phrase for phrase in REPLACED if phrase in source] == []


@pytest.mark.parametrize("source", ['_("What must be mended")', '"It stops after the step "\n        f"it is in."'])
def test_a_replaced_phrase_is_found(source: str) -> None:
    assert any(phrase in texts(source, ".py") for phrase in REPLACED)
