"""Names that say nothing are not used, and the repository names no machine, registry or content network."""

import ast
import re
from pathlib import Path

from tests.architecture.tree import ROOT, for_each, modules, name, syntax, tracked

EMPTY_FILE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common_utils", "manager", "handlers"}
EMPTY_SUFFIXES = ("Manager", "Handler", "Impl", "Helper", "Util", "Utils")
# Their own words, or base classes that the standard library names so.
ALLOWED_CLASSES: set[str] = set()

# Written in parts, so that this file does not name what it forbids.
REGISTRIES = re.compile(
    "|".join([r"pypi" + r"\.org", r"pythonhosted" + r"\.org", r"registry\.npm" + "js", r"deb\.deb" + "ian"])
)
CONTENT_NETWORKS = re.compile(
    "|".join([r"jsdel" + r"ivr", r"unp" + r"kg\.com", r"cdn" + r"js", r"fonts\.goo" + r"gleapis"])
)
TORCH_INDEX = "download" + ".pytorch.org"
MACHINE_PATHS = re.compile("|".join(rf"(?<![\w./~-])/{folder}/" for folder in ("work", "root", "opt", "tmp/td")))

TEXTS = [path for path in tracked() if path.suffix not in {".png", ".safetensors", ".woff2", ".ico", ".jsonl"}]


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


@for_each(modules("app", "tests", "benchmarks"), name)
def test_no_file_or_class_has_an_empty_name(path: Path) -> None:
    assert path.stem not in EMPTY_FILE_NAMES
    classes = [node.name for node in ast.walk(syntax(path)) if isinstance(node, ast.ClassDef)]
    assert [found for found in classes if found.endswith(EMPTY_SUFFIXES) and found not in ALLOWED_CLASSES] == []


def test_no_package_registry_and_no_content_network_is_named() -> None:
    assert [name(path) for path in TEXTS if REGISTRIES.search(text(path)) or CONTENT_NETWORKS.search(text(path))] == []


def test_the_index_of_torchs_cpu_build_is_named_in_one_file() -> None:
    assert [name(path) for path in TEXTS if TORCH_INDEX in text(path)] == ["app/runtimes/torch_build.py"]


def test_no_path_of_a_developers_machine_is_named() -> None:
    assert [f"{name(path)}: {match[0]}" for path in TEXTS if (match := MACHINE_PATHS.search(text(path)))] == []


def test_the_top_level_is_fixed() -> None:
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if len(path.relative_to(ROOT).parts) > 1}
    known = {"app", "templates", "static", "migrations", "tests", "docs", "benchmarks", "findings", ".ci"}
    assert folders - known == set()


def test_each_decision_has_a_number_of_its_own_and_bears_it() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in decisions]
    assert len(numbers) > 40
    assert sorted(set(numbers)) == numbers
    assert [path.name for path in decisions if not text(path).startswith(f"# {path.name[:4]} ")] == []
