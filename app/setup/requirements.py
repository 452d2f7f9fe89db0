"""Reading the lock files: which packages, which versions, which hashes."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock: its name, its version, and the lines that say so to pip (markers and hashes included)."""

    name: str
    version: str
    text: str


def read_lock(path: Path) -> list[Locked]:
    """The packages of a lock, in the order of the file; one package may appear twice, under markers that exclude each
    other.
    """
    packages = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", "\n" + path.read_text(encoding="utf-8")):
        match = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", block)
        if match:
            packages.append(Locked(match[1], match[2], block.rstrip()))
    return packages


def write_lock(path: Path, packages: Iterable[Locked]) -> None:
    """The packages as a requirements file."""
    path.write_text("".join(f"{package.text}\n" for package in packages), encoding="utf-8")


def count(packages: Iterable[Locked]) -> int:
    """How many different packages there are: what pip will collect, roughly (markers may leave some out)."""
    return len({package.name for package in packages})


def fingerprint(*paths: Path) -> str:
    """SHA-256 over the contents of the files, in order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
