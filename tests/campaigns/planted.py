"""Mistakes planted in our own code: each is one place of it made wrong, and names the test that must see it.

A campaign makes a copy of the project for each, plants it, runs the named test, and fails where that stays green.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.settings import ROOT
from app.setup.paths import Paths
from tests.support.openai_plane import official

_COPIED = ("app", "tests", "templates", "migrations", "benchmarks", "docs")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "vendor", "safetensors")
_SUITES = ("suite", "abilities", "provider_abilities")  # of the contract, which its tests inherit


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """In `file`, `right` becomes `wrong`; `test` must turn red."""

    name: str
    file: str
    right: str
    wrong: str
    test: str


class Planter:
    """A process that plants and tests; what takes long to import it has loaded once."""

    def __init__(self, *packages: str) -> None:
        """`packages` are loaded before the first test."""
        command = [sys.executable, str(ROOT / "tests" / "campaigns" / "planting.py"), *packages]
        azurite = os.environ.get("TUNEDESK_AZURITE") or str(Paths.here().blob_store)
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "TUNEDESK_AZURITE": azurite}
        environment["TUNEDESK_OPENAI_SPEC"] = str(official.FOLDER)
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def outcome(self, copy: Path, test: str) -> tuple[int, str]:
        """Return pytest's exit code for a test of a copy, and what it said."""
        log = copy.parent / "planted.log"
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"folder": str(copy), "test": test, "log": str(log)}) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return code, log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def planting(*packages: str) -> Iterator[Planter]:
    """Give a planter for as long as the block runs."""
    made = Planter(*packages)
    try:
        yield made
    finally:
        made.process.communicate()


def expect_red(mutant: Mutant, planter: Planter, folder: Path) -> None:
    """Plant a mistake in a copy below an empty folder; its test must turn red there."""
    copy = folder / "project"
    for each in _COPIED:
        shutil.copytree(ROOT / each, copy / each, ignore=_NOT_COPIED)
    shutil.copy2(ROOT / "pyproject.toml", copy)
    (copy / "tests" / "vendor").symlink_to(ROOT / "tests" / "vendor")
    file = copy / mutant.file
    file.write_text(file.read_text(encoding="utf-8").replace(mutant.right, mutant.wrong), encoding="utf-8")
    code, said = planter.outcome(copy, mutant.test)
    assert code == 1, f"{mutant.test} stays green, or does not run at all ({code}):\n{said[-2000:]}"


def expect_plantable(mutants: Sequence[Mutant], least: int) -> None:
    """Hold a list: long enough, each by a name of its own, at a place that is there, with a test that is there."""
    assert len(mutants) >= least
    assert len({each.name for each in mutants}) == len(mutants)
    for each in mutants:
        assert (ROOT / each.file).read_text(encoding="utf-8").count(each.right) >= 1, each.name
        path, _, name = each.test.partition("::")
        assert f"def {name.rpartition('::')[2]}(" in _sources(path), each.name


def _sources(path: str) -> str:
    names = [path, *(f"tests/contract/{each}.py" for each in _SUITES)]
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)
