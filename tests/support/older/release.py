"""The code of an earlier state of this repository, taken out of its own history."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "8b96ff684837bdb180eb7569fa3d40b9346da82b"
# What its server and its stand-ins for children need.
_FOLDERS = ("app", "migrations", "static", "templates", "tests/campaigns", "tests/support")


def unpacked(folder: Path) -> Path:
    """Return `folder` with the code of `COMMIT` in it; skip where this checkout's history does not reach so far."""
    if _git("cat-file", "-e", f"{COMMIT}^{{commit}}").returncode:
        pytest.skip(
            f"the commit {COMMIT[:7]} is not in this checkout's history, so its data folder cannot be made: "
            "run these tests in a whole clone (git fetch --unshallow)"
        )
    archive = _git("archive", "--format=zip", COMMIT, *_FOLDERS)
    assert archive.returncode == 0, archive.stderr.decode()
    with zipfile.ZipFile(io.BytesIO(archive.stdout)) as files:
        files.extractall(folder)
    return folder


def _git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
