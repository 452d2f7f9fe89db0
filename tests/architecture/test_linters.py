"""Lint, format, types and layers, exactly as configured in pyproject.toml."""

import subprocess
import sys

from tests.architecture.tree import ROOT


def run(*arguments: str) -> str:
    """What the tool says when it is not content; empty when it is."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    assert run("-m", "ruff", "check", "--output-format", "concise", ".") == ""


def test_every_file_is_formatted() -> None:
    assert run("-m", "ruff", "format", "--check", ".") == ""


def test_types_are_strict_and_hold() -> None:
    assert run("-m", "mypy") == ""


def test_imports_point_downstairs() -> None:
    start = "from importlinter.cli import lint_imports_command as main; main()"
    assert run("-c", start, "--config", "pyproject.toml") == ""
