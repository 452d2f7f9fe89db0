"""docs/local.md names every kind of work, of event and of state that the trainer has, and no other."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.tree import ROOT, modules, syntax

TEXT = (ROOT / "docs" / "local.md").read_text(encoding="utf-8").partition("## The trainer as a program")[2]


def first_words(method: str) -> Iterator[str]:
    """The literal first arguments of a method's calls in app/training."""
    for path in modules("app/training"):
        for node in ast.walk(syntax(path)):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method
            if called and isinstance(node, ast.Call) and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def rows_of(table: int) -> set[str]:
    """The first column of a table of that section, counted from 0."""
    tables = re.split(r"\n\n", TEXT)
    found = [part for part in tables if part.startswith("| `kind` |")][table]
    return {match[1] for match in re.finditer(r"^\| `(\w+)` \|", found, re.MULTILINE)} - {"kind"}


def test_every_kind_of_work_is_described() -> None:
    cases = [
        node for node in ast.walk(syntax(ROOT / "app" / "training" / "__main__.py")) if isinstance(node, ast.match_case)
    ]
    kinds = {ast.literal_eval(case.pattern.value) for case in cases if isinstance(case.pattern, ast.MatchValue)}
    assert rows_of(0) == kinds


def test_every_kind_of_event_is_described() -> None:
    assert rows_of(1) == {*first_words("emit"), "log"}


def test_every_state_is_described() -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith("| `status` |"))
    assert {state for state in first_words("state") if f"`{state}`" not in line} == set()
