"""The committed locks: complete, hashed, the same everywhere, and free of addresses."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from app.setup.paths import Paths
from app.setup.requirements import read_lock

PATHS = Paths.here()
LOCKS = sorted(PATHS.locks.glob("*.txt"))
LICENCE = "http://geraintluff.github.io/tv4/LICENSE.txt"  # what the package tv4 names as its licence
CUDA = re.compile(r"^(nvidia|cuda|triton)")


def names(lock: str) -> set[str]:
    return {package.name for package in read_lock(PATHS.locks / f"{lock}.txt")}


def wanted(requirements: list[str]) -> set[str]:
    found = [re.match(r"[A-Za-z0-9_.-]+", text) for text in requirements]
    return {match[0].lower() for match in found if match}


@pytest.mark.parametrize(
    "path",
    [*LOCKS, *sorted(PATHS.assets.rglob("package*.json"))],
    ids=lambda path: str(path.relative_to(PATHS.assets.parent)),
)
def test_no_lock_holds_an_address_or_a_hosts_name(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(
        r"\w+://|\bwww\.|--index-url|--extra-index|--find-links|\.(org|com|io|net)\b(?!/dist)",
        text.replace("htmx.org", "").replace(LICENCE, ""),
    )


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_package_is_pinned_and_hashed(path: Path) -> None:
    packages = read_lock(path)
    assert packages
    for package in packages:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", package.text), package.name
    named = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith((" ", "#"))]
    assert len(named) == len(packages), "every line that names a package is understood"


def test_every_browser_library_is_pinned_and_hashed() -> None:
    lock = json.loads((PATHS.assets / "package-lock.json").read_text(encoding="utf-8"))
    libraries = {key: value for key, value in lock["packages"].items() if key}
    assert len(libraries) == 4
    assert all(value["integrity"].startswith("sha512-") for value in libraries.values())
    assert (PATHS.assets / ".npmrc").read_text(encoding="utf-8") == "omit-lockfile-registry-resolved=true\n"


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((PATHS.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert wanted([text.replace("[standard]", "") for text in project["dependencies"]]) <= names("web")
    assert wanted(project["optional-dependencies"]["test"]) <= names("web") | names("test")
    assert names("web") & names("test") == set(), "the second adds to the first"


def test_the_web_environment_never_holds_torch() -> None:
    assert not {"torch", "transformers", "trl"} & (names("web") | names("test"))


def test_the_runtime_is_locked_to_torch_without_cuda() -> None:
    torch = [package for package in read_lock(PATHS.locks / "trl.txt") if package.name == "torch"]
    assert [package.version for package in torch] == ["2.13.0"]
    assert not [name for name in names("trl") if CUDA.match(name)]
    assert all(CUDA.match(name) for name in names("cuda"))
