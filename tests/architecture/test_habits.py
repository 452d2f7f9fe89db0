"""House rules that no linter knows."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.tree import ROOT, for_each, modules, name, syntax

STATUS_WORDS = {"status", "goal"}
# What the lock of the runtime environment asks for, and what those packages bring that a child may name itself.
RUNTIME_PACKAGES = {"accelerate", "datasets", "peft", "safetensors", "sklearn", "torch", "transformers", "trl"}
BROUGHT_ALONG = {"huggingface_hub", "jinja2", "numpy", "tokenizers"}
CHILDREN = ("app.training", "app.domain.", "app.kit.")
# What must work before anything is installed: set-up, the making of runtimes, the doctor, and how they are called.
BEFORE_SET_UP = (*modules("app/setup", "app/runtimes"), *(ROOT / "app" / f"{each}.py" for each in ("doctor", "cli")))
# The outermost steps: where whatever happened is told in one sentence, or carried to the thread that waits.
# `deadlines` hands whatever it catches to the thread that waits, which raises it.
OUTERMOST = (
    ROOT / "app" / "engine",
    ROOT / "app" / "training",
    ROOT / "app" / "http" / "answering.py",  # a stream whose status is sent
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
    return {name.split(".")[0] for name in imported(path)} - sys.stdlib_module_names - {"app"}


@cache
def at_once(path: Path) -> frozenset[str]:
    """What is imported as soon as the file is, the modules of `app` named whole: not inside functions, nor for types
    alone.
    """
    found: set[str] = set()
    for node in syntax(path).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def beneath(path: Path) -> set[Path]:
    """The files of ours that come along when a file is imported, itself among them."""
    seen, ahead = set(), [path]
    while ahead:
        seen.add(one := ahead.pop())
        names = [found.replace(".", "/") for found in at_once(one) if found.startswith("app.")]
        files = [ROOT / f"{name}{ending}" for name in names for ending in (".py", "/__init__.py")]
        ahead += [file for file in files if file.is_file() and file not in seen]
    return seen


def brought(path: Path) -> set[str]:
    """The packages, Python's own left out, that come along when a file is imported."""
    names = {found.split(".")[0] for one in beneath(path) for found in at_once(one)}
    return names - sys.stdlib_module_names - {"app"}


def words(node: ast.expr) -> bool:
    """Whether the expression is a bare string, or a collection of them."""
    if isinstance(node, ast.Tuple | ast.Set | ast.List):
        return any(words(item) for item in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""


def is_status(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in STATUS_WORDS) or (
        isinstance(node, ast.Name) and node.id in STATUS_WORDS
    )


@for_each(modules("app"), name)
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


@for_each(modules("app"), name)
def test_only_the_outermost_steps_catch_everything(path: Path) -> None:
    if not any(path.is_relative_to(folder) for folder in OUTERMOST):
        handlers = [node for node in ast.walk(syntax(path)) if isinstance(node, ast.ExceptHandler)]
        assert [handler.lineno for handler in handlers if catches_everything(handler)] == []


@for_each([*BEFORE_SET_UP, ROOT / "app" / "__main__.py"], name)
def test_what_comes_before_set_up_needs_nothing_but_the_standard_library(path: Path) -> None:
    assert brought(path) == set()


@for_each(modules("app/setup", "app/runtimes"), name)
def test_set_up_needs_nothing_else_later_either(path: Path) -> None:
    assert packages(path) == set()


@for_each(modules("app/training"), name)
def test_children_need_the_standard_library_and_their_runtime_only(path: Path) -> None:
    assert packages(path) - RUNTIME_PACKAGES - BROUGHT_ALONG == set()
    ours = {found for found in imported(path) if found.split(".")[0] == "app"}
    assert [found for found in sorted(ours) if not f"{found}.".startswith(CHILDREN)] == []
    # What they share with the server has nothing beneath it but itself and Python.
    shared = [one for one in beneath(path) if not one.is_relative_to(ROOT / "app" / "training")]
    assert [(name(one), found) for one in shared if (found := brought(one))] == []


def test_what_comes_along_is_seen_through_several_files() -> None:
    assert "sqlalchemy" in brought(ROOT / "app" / "main.py")
    assert "sqlalchemy" not in at_once(ROOT / "app" / "main.py")


def test_the_start_is_understood_by_old_pythons() -> None:
    source = (ROOT / "app" / "__main__.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 4))
    package = syntax(ROOT / "app" / "__init__.py")
    assert len(package.body) == 1, "app/__init__.py is read before the version of Python is checked: a docstring only"


@for_each(modules("app"), name)
def test_no_expression_has_a_possessive_group(path: Path) -> None:
    """Python 3.11.2, Debian 12's own, matches `(...)*+` wrongly; possessive sets of characters it matches well."""
    texts = [node.value for node in ast.walk(syntax(path)) if isinstance(node, ast.Constant)]
    found = [text for text in texts if re.search(r"\)[*+?]\+|\(\?>", str(text))]
    assert not found
