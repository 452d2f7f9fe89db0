"""OpenAI's client for Node, unmodified: the form with its file first and without a length, paging, streams, errors.

The set-up of the tests brings it by `npm ci`, beside Azurite. `TUNEDESK_TEST_OPENAI_NODE` names another folder in which
`npm i openai` was run, for another version. Without either the test is skipped.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.openai_api.conftest import BASE, Door
from tests.integration.openai_api.rows import chats
from tests.support.azure.fixtures import TOOLS
from tests.support.door import turning
from tests.support.openai_types import fits

SCRIPT = Path(__file__).with_name("client.mjs")


def test_nodes_client_goes_from_its_rows_to_its_models_answer(door: Door, tmp_path: Path) -> None:
    folder = Path(os.environ.get("TUNEDESK_TEST_OPENAI_NODE") or TOOLS)
    borrowed = TOOLS / "node"
    node = str(borrowed) if borrowed.is_file() else shutil.which("node")
    if node is None or not (folder / "node_modules" / "openai").is_dir():
        pytest.skip("OpenAI's client for Node is not here: `python3 -m app test` brings it with npm")
    rows = tmp_path / "recipes.jsonl"
    rows.write_bytes(chats())
    with turning(door.house, door.house.engine):
        command = [node, str(SCRIPT), str(folder), f"{door.url}/v1", str(rows), BASE]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    fits(said["file"], "OpenAIFile")
    fits(said["seen"], "FineTuningJob")
    job = said["job"]["id"]
    assert (said["seen"]["status"], said["own"], said["listed"]) == ("succeeded", [job], [])
    assert len(set(said["events"])) == len(said["events"]) > 30
    assert said["checkpoints"] == [30, 20, 10]
    assert said["text"] == "[Rehearsal] You said: Where is my parcel?"
    assert (said["refusal"]["name"], said["refusal"]["code"]) == ("NotFoundError", "model_not_found")
