"""Every sentence that app/web says goes through gettext; templates have a test of their own (test_templates.py)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import for_each, modules, name, syntax

MODULES = modules("app/web")
MARKED = {"_", "gettext", "ngettext"}
WORDS = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
CODE = {"curl", "python", "_guarded"}  # functions that return code: shown as it is, or of templates


def sentences(tree: ast.AST) -> Iterator[str]:
    """Give the texts with two words or more that are neither marked nor documentation."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Call) and ast.unparse(child.func).rpartition(".")[2] in MARKED:
            continue
        if isinstance(child, ast.FunctionDef) and child.name in CODE:
            continue
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and WORDS.search(child.value):
            yield child.value
        yield from sentences(child)


@for_each(MODULES, name)
def test_a_sentence_of_the_pages_is_marked_for_translation(path: Path) -> None:
    assert list(sentences(syntax(path))) == []


def test_the_check_finds_an_unmarked_sentence() -> None:
    source = '"""A docstring."""\nplain = "The job failed."\nmarked = _("The job failed.")\nkey = "job_failed"'
    assert list(sentences(ast.parse(source))) == ["The job failed."]
