"""Every planted mistake of our own client turns the test red that the list names."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import ROOT
from app.setup.paths import Paths
from tests.campaigns.azure_mutants import MUTANTS, Mutant

_COPIED = ("app", "tests", "templates", "migrations", "benchmarks", "docs")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "vendor", "safetensors")


def test_each_mistake_can_be_planted_exactly_once() -> None:
    assert len(MUTANTS) >= 20
    assert len({each.name for each in MUTANTS}) == len(MUTANTS)
    for each in MUTANTS:
        assert (ROOT / each.file).read_text(encoding="utf-8").count(each.right) >= 1, each.name
        path, _, name = each.test.partition("::")
        assert f"def {name.rpartition('::')[2]}(" in _sources(path), each.name


class Planter:
    """A process that plants and tests, loaded once."""

    def __init__(self) -> None:
        command = [sys.executable, str(ROOT / "tests" / "campaigns" / "planting.py")]
        azurite = os.environ.get("TUNEDESK_AZURITE") or str(Paths.here().blob_store)
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "TUNEDESK_AZURITE": azurite}
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


@pytest.fixture(scope="module")
def planter() -> Iterator[Planter]:
    """The one process that plants."""
    made = Planter()
    yield made
    made.process.communicate()


@pytest.mark.campaign
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_mistake_turns_its_test_red(mutant: Mutant, planter: Planter, tmp_path: Path) -> None:
    copy = tmp_path / "project"
    for folder in _COPIED:
        shutil.copytree(ROOT / folder, copy / folder, ignore=_NOT_COPIED)
    shutil.copy2(ROOT / "pyproject.toml", copy)
    (copy / "tests" / "vendor").symlink_to(ROOT / "tests" / "vendor")
    file = copy / mutant.file
    file.write_text(file.read_text(encoding="utf-8").replace(mutant.right, mutant.wrong), encoding="utf-8")
    code, said = planter.outcome(copy, mutant.test)
    assert code == 1, f"{mutant.test} stays green, or does not run at all ({code}):\n{said[-2000:]}"


def _sources(path: str) -> str:
    """Return a test file with the suites that it inherits."""
    names = [path, "tests/contract/suite.py", "tests/contract/abilities.py"]
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)
