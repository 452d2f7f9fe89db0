"""Bandit finds nothing that has no reason here; ruff's rules `S` stand in pyproject.toml, with theirs."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.architecture.tree import ROOT

# Whole rules that say nothing about this code.
SKIPPED = {
    "B105": "asks of names and words like 'pass' and 'token_accuracy'; ruff's S105 asks the same, line by line",
    "B404": "importing subprocess is no fault; each call is judged",
    "B603": "commands are lists of our own making, never a shell's text",
    "B606": "set-up becomes the server by exec, without a shell",
}
# How often a rule finds what is meant, by file, and why that is so.
MEANT = {
    ("B112", "app/training/self_check.py"): (1, "a template raises whatever it likes; another form may do"),
    ("B506", "app/domain/autotrain/yaml_text.py"): (1, "the loader is a subclass of SafeLoader"),
    ("B608", "app/store/sight.py"): (2, "views of names and conditions that are constants of the same file"),
    ("B615", "app/training/architecture.py"): (3, "a folder of this machine, or a hub id whose revision is recorded"),
    ("B615", "app/training/loading.py"): (4, "a folder of this machine, or a hub id whose revision is recorded"),
    ("B704", "app/web/templating.py"): (1, "what a template of ours has rendered, escaped already"),
}


@pytest.mark.slow
def test_bandit_finds_nothing_without_a_reason() -> None:
    command = [sys.executable, "-m", "bandit", "-q", "-r", "app", "-f", "json", "--skip", ",".join(SKIPPED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    report = json.loads(done.stdout)
    assert report["errors"] == []
    found = Counter((each["test_id"], each["filename"].removeprefix("./")) for each in report["results"])
    assert found == {key: count for key, (count, _) in MEANT.items()}
