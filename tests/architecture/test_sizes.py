"""Nothing is so large that it cannot be read at a sitting, and everything says what it is."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import for_each, modules, name, syntax

LONGEST_FILE = 400
LONGEST_MEDIAN_FILE = 120
LONGEST_FUNCTION = 60
LONGEST_MEDIAN_FUNCTION = 12

EVERYTHING = modules("app", "tests", "benchmarks")  # not migrations: they are what they have to do
OURS = modules("app")


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file as `file:line name` and its length in lines."""
    for node in statements(syntax(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last = node.end_lineno or node.lineno
            yield f"{name(path)}:{node.lineno} {node.name}", last - node.lineno + 1


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below a node, however deep; expressions hold none, and are most of a tree."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from statements(child)


def test_no_file_is_longer_than_400_lines() -> None:
    assert [f"{name(path)}: {lines(path)}" for path in EVERYTHING if lines(path) > LONGEST_FILE] == []


def test_half_of_all_files_are_at_most_120_lines() -> None:
    assert statistics.median(lines(path) for path in OURS) <= LONGEST_MEDIAN_FILE


def test_no_function_is_longer_than_60_lines() -> None:
    assert [
        f"{where}: {size}" for path in EVERYTHING for where, size in functions(path) if size > LONGEST_FUNCTION
    ] == []


def test_half_of_all_functions_are_at_most_12_lines() -> None:
    assert statistics.median(size for path in OURS for _, size in functions(path)) <= LONGEST_MEDIAN_FUNCTION


@for_each(modules("app", "benchmarks"), name)
def test_every_module_says_what_it_is(path: Path) -> None:
    text = ast.get_docstring(syntax(path))
    assert text, f"{name(path)} has no docstring"
    assert text.split("\n\n")[0].rstrip().endswith((".", "?", ":", ")")), f"{name(path)}: {text!r} is no sentence"
