"""Lint, format, types and layers, exactly as configured in pyproject.toml."""

import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT


def expect_content(*arguments: str) -> None:
    """Fail with what the tool says, if it has anything to say against the tree."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def test_ruff_finds_nothing() -> None:
    expect_content("-m", "ruff", "check", "--output-format", "concise", ".")


def test_every_file_is_formatted() -> None:
    expect_content("-m", "ruff", "format", "--check", ".")


def test_types_are_strict_and_hold() -> None:
    expect_content("-m", "mypy")


def test_imports_point_downstairs() -> None:
    start = "from importlinter.cli import lint_imports_command as main; main()"
    expect_content("-c", start, "--config", "pyproject.toml")
