"""Identifiers use the field's words: what a thing is called in code is what a newcomer from the field would search for.

Prose keeps its voice; only names are looked at: Python's, Jinja's, JavaScript's, and those of files.
"""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from tests.architecture.tree import ROOT, name, tracked

# Each has a word that the field knows: background task, hyperparameter, request, orphan, position or location or slot,
# evaluate, issue, assign, report, client.
NOT_THE_FIELDS = re.compile(
    r"errands?|knobs?|wish(es)?|remains|places?|judg\w*|troubl\w*|dealt|told|desk"
    # engine and backends: reconcile, step, side effect, backoff, context, dispatch
    r"|workshops?|whereabouts|lookers?"
)
PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")
SCRIPT_WORDS = re.compile(r"[A-Za-z_$][\w$]*")
COMMENTS_AND_TEXTS = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
JINJA = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
OURS = [path for path in tracked() if path.suffix in {".py", ".html", ".js"} and "vendor" not in path.parts]


def words(identifier: str) -> list[str]:
    """The words of a name, split at `_` and at capitals."""
    return [part.lower() for part in PARTS.findall(identifier.replace("TuneDesk", "Tunedesk"))]


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    """Every name in a file, with its line."""
    match path.suffix:
        case ".py":
            with tokenize.open(path) as stream:
                for token in tokenize.generate_tokens(stream.readline):
                    if token.type == tokenize.NAME:
                        yield token.start[0], token.string
        case ".html":
            for line, kind, text in JINJA.lex(path.read_text(encoding="utf-8")):
                if kind == "name":
                    yield line, text
        case _:
            code = COMMENTS_AND_TEXTS.sub(lambda cut: "\n" * cut[0].count("\n"), path.read_text(encoding="utf-8"))
            for row, text in enumerate(code.splitlines(), start=1):
                yield from ((row, found) for found in SCRIPT_WORDS.findall(text))


def is_strange(identifier: str) -> bool:
    return any(NOT_THE_FIELDS.fullmatch(word) for word in words(identifier))


@pytest.mark.parametrize(
    "folder", ["app", "benchmarks", "docs", "migrations", "static", "templates", "tests"], ids=lambda each: each
)
def test_names_are_the_fields_words(folder: str) -> None:
    paths = [path for path in OURS if path.is_relative_to(ROOT / folder)]
    assert paths
    strange = {name(path) for path in paths if is_strange(path.stem)}
    strange |= {f"{name(path)}:{line} {each}" for path in paths for line, each in identifiers(path) if is_strange(each)}
    assert sorted(strange) == []


@pytest.mark.parametrize("identifier", ["_told", "HubWish", "place", "troubled_since", "SignInDesk", "KNOBS"])
def test_what_is_not_the_fields_is_found(identifier: str) -> None:
    assert is_strange(identifier)


@pytest.mark.parametrize("identifier", ["replace", "placeholder", "tunedesk", "TuneDesk", "remaining", "desktop"])
def test_other_words_are_other_words(identifier: str) -> None:
    assert not is_strange(identifier)
