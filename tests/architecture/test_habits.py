"""House rules that no linter knows."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, modules, name, syntax

STATUS_WORDS = {"status", "goal"}
# What the lock of the runtime environment asks for, and what those packages bring that a child may name itself.
RUNTIME_PACKAGES = {"accelerate", "datasets", "peft", "safetensors", "sklearn", "torch", "transformers", "trl"}
BROUGHT_ALONG = {"huggingface_hub", "jinja2", "numpy", "tokenizers"}
# The counting of answers is the same for every backend, and needs the standard library alone.
SHARED = ROOT / "app" / "domain" / "scoring.py"
CHILDREN = ("app.training", "app.domain.scoring")
# The outermost steps: where whatever happened is told in one sentence, or carried to the thread that waits.
# `deadlines` hands whatever it catches to the thread that waits, which raises it.
OUTERMOST = (
    ROOT / "app" / "engine",
    ROOT / "app" / "training",
    ROOT / "app" / "backends" / "azure_foundry" / "transport" / "deadlines.py",
    ROOT / "app" / "services" / "provider_errors.py",
)


def imported(path: Path) -> Iterator[str]:
    """Everything a file imports, wherever in it."""
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def packages(path: Path) -> set[str]:
    """The top-level packages a file imports, without Python's own."""
    return {name.split(".")[0] for name in imported(path)} - sys.stdlib_module_names


def words(node: ast.expr) -> bool:
    """Whether the expression is a bare string, or a collection of them."""
    if isinstance(node, ast.Tuple | ast.Set | ast.List):
        return any(words(item) for item in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""


def is_status(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in STATUS_WORDS) or (
        isinstance(node, ast.Name) and node.id in STATUS_WORDS
    )


@pytest.mark.parametrize("path", modules("app"), ids=name)
def test_no_status_is_compared_with_a_bare_word(path: Path) -> None:
    compared = [node for node in ast.walk(syntax(path)) if isinstance(node, ast.Compare)]
    found = [
        node.lineno for node in compared if is_status(node.left) and any(words(other) for other in node.comparators)
    ]
    assert found == [], f"{name(path)}: compare with the enum's member"


def catches_everything(node: ast.ExceptHandler) -> bool:
    """Whether this `except` is for everything and does not raise it again."""
    broad = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
    return broad and not any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))


@pytest.mark.parametrize("path", modules("app"), ids=name)
def test_only_the_outermost_steps_catch_everything(path: Path) -> None:
    if not any(path.is_relative_to(folder) for folder in OUTERMOST):
        handlers = [node for node in ast.walk(syntax(path)) if isinstance(node, ast.ExceptHandler)]
        assert [handler.lineno for handler in handlers if catches_everything(handler)] == []


@pytest.mark.parametrize("path", [*modules("app/setup"), ROOT / "app" / "__main__.py"], ids=name)
def test_set_up_needs_nothing_but_the_standard_library(path: Path) -> None:
    assert packages(path) - {"app"} == set()


@pytest.mark.parametrize("path", [*modules("app/training"), SHARED], ids=name)
def test_children_need_the_standard_library_and_their_runtime_only(path: Path) -> None:
    assert packages(path) - RUNTIME_PACKAGES - BROUGHT_ALONG - {"app"} == set()
    assert [found for found in imported(path) if found.startswith("app") and not found.startswith(CHILDREN)] == []


def test_the_start_is_understood_by_old_pythons() -> None:
    source = (ROOT / "app" / "__main__.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 4))
    package = syntax(ROOT / "app" / "__init__.py")
    assert len(package.body) == 1, "app/__init__.py is read before the version of Python is checked: a docstring only"
