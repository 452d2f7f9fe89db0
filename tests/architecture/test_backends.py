"""A backend's name stands in its slice and in the registry alone; and a slice says why it cannot do a thing."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import domain
from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.profile import PROFILE as AZURE
from app.backends.local.backend import PROFILE as LOCAL
from app.backends.local.backend import LocalBackend
from app.backends.openai_wire.azure.backend import AzureOpenAIBackend
from app.backends.openai_wire.azure.profile import PROFILE as AZURE_OPENAI
from app.backends.openai_wire.platform.backend import OpenAIBackend
from app.backends.openai_wire.platform.profile import PROFILE as OPENAI
from app.backends.registry import REGISTRY
from app.backends.rehearsal.backend import PROFILE as REHEARSAL
from app.backends.rehearsal.backend import RehearsalBackend
from app.domain.backend import Backend
from app.domain.profiles import Ability, BackendProfile
from tests.architecture.tree import ROOT, for_each, modules, name, syntax

SLICES: tuple[tuple[BackendProfile, type[Backend]], ...] = (
    (LOCAL, LocalBackend),
    (REHEARSAL, RehearsalBackend),
    (AZURE, AzureFoundryBackend),
    (OPENAI, OpenAIBackend),
    (AZURE_OPENAI, AzureOpenAIBackend),
)
WIRES = {"openai_wire": {OPENAI.id, AZURE_OPENAI.id}}  # slices with several kinds of connections
# `openai` is a wire as well, which our own door speaks: its name stands in many modules and pages.
IDS = frozenset(profile.id for profile, _slice in SLICES) - {OPENAI.id}
WORDS = IDS | {profile.connection_id for profile, _slice in SLICES}
ELSEWHERE = [path for path in modules("app") if "backends" not in path.relative_to(ROOT).parts]
PAGES = [
    path
    for folder in ("templates", "static")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".html", ".js", ".css", ".svg"} and "vendor" not in path.parts
]
_IN_TEXT = re.compile(rf"""(["'`])({"|".join(WORDS)})\1|\.({"|".join(IDS)})\b|\b({"|".join(WORDS - IDS)})\b""")
for _module in pkgutil.iter_modules(domain.__path__):  # every ability is known once its module is
    importlib.import_module(f"app.domain.{_module.name}")


def named(path: Path) -> Iterator[str]:
    """Give where a module names a backend: by a quoted word, an attribute or an import."""
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Constant) and node.value in WORDS:
            yield f"{name(path)}:{node.lineno} {node.value!r}"
        elif isinstance(node, ast.Attribute) and node.attr in IDS:
            yield f"{name(path)}:{node.lineno} .{node.attr}"
        elif isinstance(node, ast.ImportFrom) and IDS & set((node.module or "").split(".")):
            yield f"{name(path)}:{node.lineno} {node.module}"
        elif isinstance(node, ast.Import) and any(IDS & set(each.name.split(".")) for each in node.names):
            yield f"{name(path)}:{node.lineno} import"


@for_each(ELSEWHERE, name)
def test_no_module_outside_a_slice_names_a_backend(path: Path) -> None:
    assert list(named(path)) == []


@for_each(PAGES, name)
def test_no_page_names_a_backend(path: Path) -> None:
    assert [match[0] for match in _IN_TEXT.finditer(path.read_text("utf-8"))] == []


def test_the_search_finds_what_it_looks_for() -> None:
    assert len(ELSEWHERE) > 250
    assert len(PAGES) > 80
    assert len(list(named(ROOT / "app" / "backends" / "registry.py"))) >= len(IDS)
    for text in ('backend == "local"', "id='con_local'", "chosen.rehearsal", "/connections/con_rehearsal"):
        assert _IN_TEXT.search(text), text
    for text in ("https://localhost", "a local copy", "local-name", ".localised"):
        assert not _IN_TEXT.search(text), text


def test_the_registry_makes_every_slice_and_no_other() -> None:
    folders = {path.name for path in (ROOT / "app" / "backends").iterdir() if (path / "__init__.py").is_file()}
    assert folders - set(WIRES) == IDS - set().union(*WIRES.values())
    assert set(WIRES) <= folders
    assert len(REGISTRY.backends) + len(REGISTRY.kinds) == len(SLICES)


@pytest.mark.parametrize(("profile", "backend"), SLICES, ids=[profile.id for profile, _slice in SLICES])
def test_a_slice_says_why_it_cannot_what_people_ask_for(profile: BackendProfile, backend: type[Backend]) -> None:
    lacking = {each for each in Ability.__subclasses__() if not issubclass(backend, each)}
    assert set(profile.cannot) <= lacking, "it says why it cannot do what it can"
    wanted = {each for each in lacking if each.__name__ in asked_for()}
    assert {each.__name__ for each in wanted - set(profile.cannot)} == set()
    assert all(sentence.endswith(".") for sentence in profile.cannot.values())


def asked_for() -> set[str]:
    """Return the abilities whose absence is told to somebody: `scope.ask(…, X)` and `why_not(X)`."""
    found = set()
    for path in modules("app/services"):
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "ask" and len(node.args) > 1:
                    found.add(ast.unparse(node.args[1]))
                elif node.func.attr == "why_not":
                    found.add(ast.unparse(node.args[0]))
    assert len(found) > 10
    return found
