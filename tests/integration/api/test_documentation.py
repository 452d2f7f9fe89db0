"""The journey in docs/rest.md is run as it stands there, on the rehearsal instead of a real training."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.api.openapi import describe_api
from app.engine.engine import Engine
from app.http.application import GuardedApp
from app.http.problems import STATUSES
from app.settings import ROOT
from tests.support.app_context import TestHouse
from tests.support.door import turning
from tests.support.server import serving

PAGE = (ROOT / "docs" / "rest.md").read_text()
TOOLS = ("bash", "curl", "jq")


@pytest.mark.skipif(any(shutil.which(tool) is None for tool in TOOLS), reason=f"needs {', '.join(TOOLS)}")
def test_the_journey_runs_as_it_is_written(
    app: GuardedApp, app_context: TestHouse, engine: Engine, tmp_path: Path
) -> None:
    written = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)[0]
    folder = tmp_path / "journey"
    folder.mkdir()
    shutil.copy(ROOT / "app/samples/support_triage/train.jsonl", folder)
    with serving(app) as url, turning(app_context, engine):
        script = written.replace("http://127.0.0.1:8000", url)
        script = script.replace("con_local", "con_rehearsal").replace("builtin:starter", "rehearsal:small")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    assert "event: end" in done.stdout
    assert '"status": "succeeded"' in done.stdout
    assert (folder / "metrics.csv").read_text().startswith("step,")
    assert done.stdout.rstrip().endswith("true")


def test_the_page_names_every_status(app: GuardedApp) -> None:
    table = re.findall(r"^\| (\d{3}) \|", PAGE, flags=re.MULTILINE)
    assert {str(status) for status, _ in STATUSES.values()} <= set(table)


def test_every_address_on_the_page_exists(app: GuardedApp) -> None:
    described = describe_api(app.routes, "test")["paths"]
    patterns = [re.sub(r"\{[^}]+\}", "[^/]+", path.removeprefix("/api/v1")) for path in described]
    named = re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE) (/[^`?]*)`", PAGE)
    assert len(named) > 8
    assert [path for path in named if not any(re.fullmatch(pattern, path) for pattern in patterns)] == []


def test_the_table_of_addresses_is_whole(app: GuardedApp) -> None:
    methods = ("get", "post", "put", "patch", "delete")
    expected = [
        f"| `{method.upper()} {path.removeprefix('/api/v1')}` | {operation['description'].split(chr(10))[0]} |"
        for path, item in describe_api(app.routes, "test")["paths"].items()
        for method, operation in item.items()
        if method in methods and path.startswith("/api/v1/")
    ]
    table = PAGE.partition("## Every address")[2].splitlines()
    assert [line for line in table if line.startswith("| `")] == expected
