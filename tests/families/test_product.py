"""One model of each family through the product, by REST: taught by heart, evaluated, deployed, asked, handed out."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from app.demo import steps
from app.demo.client import Answer, DemoClient
from tests.families.table import FAMILIES, Family
from tests.integration.local import case_rows
from tests.support.connections import LOCAL_ID
from tests.support.journeys import Installation, evaluated, installation, project
from tests.support.local import ROOT, runtime_python

pytestmark = [pytest.mark.training, pytest.mark.named]
ROWS = 12
# These templates have so much in common in every row that a step of four rows unlearns others, at any rate that learns
# in a hundred epochs: their adapters see all rows in each step.
ALL_AT_ONCE = frozenset({"channels"})


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("families"), runtime_python=str(runtime_python())) as made:
        yield made


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of model directories."""
    folder = tmp_path_factory.mktemp("models")
    _in_runtime("tests.families.make", folder)
    return folder


@pytest.mark.parametrize(("number", "family"), list(enumerate(FAMILIES)), ids=[each.name for each in FAMILIES])
def test_a_family_goes_the_whole_way(
    here: Installation, models: Path, tmp_path: Path, number: int, family: Family
) -> None:
    rows = case_rows.completions(ROWS) if family.template is None else case_rows.chats(ROWS)
    file = case_rows.write(rows, tmp_path / f"{family.name}.jsonl")
    base = models / family.name
    job = _trained(here.client, family, base, file, adapter="lora" if number % 2 else "none")

    evaluation = evaluated(here.client, job)["tuned"]
    recorded = here.client.get(f"/evaluations/{evaluation['id']}/rows", limit=ROWS)["items"]
    answers = [each["answer"].strip() for each in sorted(recorded, key=lambda each: each["line"])]
    assert answers == [label for _, label in case_rows.questions(ROWS)]

    model = here.client.get(f"/models/{job['fine_tuned_model']}")
    deployment = steps.deploy(here.client, {"model": model["id"]})
    shown = here.client.post(f"/deployments/{deployment['id']}/client-key")
    with OpenAI(base_url=shown["base_url"], api_key=shown["key"]) as openai:
        served = [
            _ask(openai, shown["model"], text, chat=family.template is not None)
            for text, _ in case_rows.questions(ROWS)
        ]
    assert served == [(text, "stop") for text in answers]

    alone = json.loads(_in_runtime("tests.families.alone", family.name, base, here.run(job["id"]) / "model", file))
    assert alone == [[text, True] for text in answers]
    steps.tear_down(here.client, model)


def _trained(client: DemoClient, family: Family, base: Path, file: Path, *, adapter: str) -> Answer:
    owner = project(client)
    data = client.upload(file, name=family.name, project=owner)
    assert data["status"] == "ready", data
    some = ROWS if family.name in ALL_AT_ONCE else ROWS // 3
    epochs, batch = (100, some) if adapter == "lora" else (80, ROWS)
    values: dict[str, Any] = {"n_epochs": epochs, "batch_size": batch, "warmup_steps": 0}
    # An adapter's last steps are small, for at a constant rate the very last may unlearn a row.
    values |= {"lr_scheduler": "cosine" if adapter == "lora" else "constant", "dropout": 0.0}
    values |= {"adam_beta2": 0.99} if family.name in ALL_AT_ONCE else {}
    values["learning_rate"] = 1e-2 if adapter == "lora" else 4e-3
    options = {"adapter": adapter, **({"lora_r": 16, "lora_alpha": 32} if adapter == "lora" else {})}
    wanted = {
        "project": owner, "connection": LOCAL_ID, "base_model": f"path:{base}", "name": family.name,
        "training_dataset": data["id"], "test_dataset": data["id"], "validation": {"kind": "none"},
        "task_type": "chat_completion" if family.template is not None else "text_completion",
        "options": options, "hyperparameters": values,
    }  # fmt: skip
    return steps.train(client, "/jobs", wanted).job


def _ask(client: OpenAI, model: str, text: str, *, chat: bool) -> tuple[str, str | None]:
    """Return a deployment's answer as OpenAI's client has it, and why it ended."""
    settings: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": 48}
    if chat:
        said = client.chat.completions.create(messages=[{"role": "user", "content": text}], **settings).choices[0]
        return (said.message.content or "").strip(), said.finish_reason
    written = client.completions.create(prompt=text, **settings).choices[0]
    return written.text.strip(), written.finish_reason


def _in_runtime(module: str, *arguments: object) -> str:
    """Run a module by the runtime's interpreter, and return what it printed."""
    command = [str(runtime_python()), "-m", module, *map(str, arguments)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
