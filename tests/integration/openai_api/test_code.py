"""A job shown as code for `/v1` runs as pasted, by OpenAI's own clients and by curl, and is the same job, once."""

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.integration.openai_api.conftest import BASE, Door
from tests.integration.openai_api.rows import chats
from tests.support.connections import REHEARSAL_ID
from tests.support.door import turning

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
COMMANDS = {"v1-openai-python": [sys.executable, "-"], "v1-openai-curl": ["sh"]}


def fields(door: Door, rows: bytes, **more: object) -> dict[str, Any]:
    return {
        "project": door.house.project("Support"),
        "connection": REHEARSAL_ID,
        "base_model": BASE.partition("/")[2],
        "name": "ingredients",
        "training_dataset": door.house.upload(rows, "recipes").id,
        **more,
    }


def submitted(door: Door, **asked: object) -> str:
    """Record a job by REST, and let it come to its end; return its id."""
    made = door.raw.post(f"{door.url}/api/v1/jobs", json=asked, headers={"idempotency-key": "shown"})
    assert made.status_code == 201, made.text
    door.turn()
    return str(made.json()["id"])


def shown(door: Door, thing: str, target: str) -> str:
    answer = door.raw.get(f"{door.url}/api/v1/{thing}/code", params={"target": target})
    assert answer.status_code == 200, answer.text
    return answer.text


def run(door: Door, target: str, code: str) -> list[str]:
    """Run the code as somebody pastes it, while the engine works; return the lines that it prints."""
    with turning(door.house, door.house.engine):
        done = subprocess.run(
            COMMANDS[target], input=code, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("target", COMMANDS)
def test_what_is_shown_runs_as_pasted_and_is_the_same_job(door: Door, target: str) -> None:
    split = {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 3}
    asked = {"hyperparameters": {"n_epochs": 2}, "seed": 7, "metadata": {"team": "it's $HOME"}}
    job = submitted(door, **fields(door, chats(20), validation=split, **asked))
    code = shown(door, f"jobs/{job}", target)
    assert "Test rows have no name on this wire" in code
    printed = run(door, target, code)
    made, first = door.client.fine_tuning.jobs.list().data  # the one that is shown, and the one that the code has made
    assert [made.id, made.fine_tuned_model] == [printed[0], printed[-1]]
    assert made.status == "succeeded"
    for name in ("seed", "method", "metadata"):
        assert getattr(made, name) == getattr(first, name), name
    parts = door.raw.get(f"{door.url}/api/v1/jobs/{job}").json()["parts"]
    assert [made.training_file, made.validation_file] == [
        parts[name].replace("ds_", "file-") for name in ("training", "validation")
    ]


@pytest.mark.parametrize("target", COMMANDS)
def test_a_drafts_split_is_sent_as_files(door: Door, target: str) -> None:
    asked = fields(door, chats(20), validation={"kind": "split", "ratio": 0.2})
    draft = door.raw.post(f"{door.url}/api/v1/drafts", json=asked).json()["id"]
    run(door, target, shown(door, f"drafts/{draft}", target))
    (made,) = door.client.fine_tuning.jobs.list().data
    assert made.status == "succeeded"
    sent = [door.client.files.content(str(name)).text for name in (made.training_file, made.validation_file)]
    assert [each.count('"messages"') for each in sent] == [16, 4]
    assert '"line"' not in "".join(sent)


def test_where_programs_may_begin_nothing_no_code_is_offered(door: Door) -> None:
    job = submitted(door, **fields(door, chats(20)))
    assert "maxRetries: 0" in shown(door, f"jobs/{job}", "v1-openai-node")
    address = f"{door.url}/api/v1/connections/{REHEARSAL_ID}"
    assert door.raw.patch(address, json={"openai_spending": False}).status_code == 200
    answer = door.raw.get(f"{door.url}/api/v1/jobs/{job}/code", params={"target": "v1-openai-python"})
    assert answer.status_code == 422
    assert "v1-" not in answer.json()["errors"][0]["fix"]
