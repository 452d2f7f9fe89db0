"""The journey by other ways: an adapter over an automatic split, and a model directory with a tokenizer of its own."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.demo import steps
from app.demo.client import DemoClient
from tests.support.connections import LOCAL_ID
from tests.support.journeys import REVIEWS, Installation, evaluated, installation, job_request, project
from tests.support.local import ROOT

pytestmark = [pytest.mark.training, pytest.mark.slow]


@pytest.fixture(scope="module")
def here(interpreter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("ways"), runtime_python=str(interpreter)) as made:
        yield made
        assert made.said == ""


@pytest.fixture(scope="module")
def directory(interpreter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of another architecture, with another tokenizer and another chat template."""
    made = tmp_path_factory.mktemp("models") / "tiny-llama"
    script = ROOT / "tests" / "integration" / "journeys" / "make_model.py"
    command = [str(interpreter), str(script), str(REVIEWS / "train.jsonl"), str(made)]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    return made


def everything(folder: Path) -> Path:
    """All reviews in one file, for a split to be made of them."""
    file = folder / "reviews.jsonl"
    parts = sorted(REVIEWS.glob("*.jsonl"))
    file.write_text("".join(part.read_text(encoding="utf-8") for part in parts), encoding="utf-8")
    return file


def answered(client: DemoClient, draft: str, **by_step: dict[str, object]) -> dict[str, object]:
    """Walk the wizard's steps; each is right."""
    for step, answers in by_step.items():
        assert client.patch(f"/drafts/{draft}/{step}", answers)["errors"] == []
    return client.get(f"/drafts/{draft}/review")


def test_an_adapter_by_the_wizards_steps_over_an_automatic_split(here: Installation, tmp_path: Path) -> None:
    client = here.client
    owner = project(client)
    rows = client.upload(everything(tmp_path), name="reviews", project=owner)
    draft = client.post("/drafts")["id"]
    split = {"kind": "split", "ratio": 0.15, "test_ratio": 0.2, "seed": 3, "strategy": "stratified"}
    review = answered(
        client,
        draft,
        project={"project": owner, "connection": LOCAL_ID},
        model={"base_model": "builtin:starter", "name": "reviews-lora"},
        data={"training_dataset": rows["id"]},
        validation={"validation": split},
        hyperparameters={
            "hyperparameters": {"n_epochs": 3, "batch_size": 8, "learning_rate": 3e-3},
            "options": {"adapter": "lora", "lora_r": 4},
            "seed": 1,
        },
    )
    assert review["complete"], review
    trained = steps.train(client, f"/drafts/{draft}/submit")
    assert trained.model["adapter"] == "lora"
    parts = {client.get(f"/datasets/{part}")["rows"] for part in trained.job["parts"].values()}
    assert parts == {78, 18, 24}
    evaluations = evaluated(client, trained.job)
    assert evaluations["tuned"]["dataset"] == trained.job["parts"]["test"]
    assert evaluations["tuned"]["metrics"]["loss"] < evaluations["base"]["metrics"]["loss"]
    model = here.run(trained.job["id"]) / "model"
    adapter = json.loads((model / "adapter_config.json").read_text(encoding="utf-8"))
    assert (adapter["r"], adapter["lora_alpha"]) == (4, 16)
    assert not (model / "model.safetensors").exists()
    served = steps.deploy(client, {"model": trained.model["id"]})
    asked = steps.ask_again(client, served["id"], evaluations["tuned"], 10)
    assert [each.answered for each in asked] == [each.recorded for each in asked]
    assert len(steps.tear_down(client, trained.model)) == 2


def test_a_model_directory_with_another_tokenizer(here: Installation, directory: Path) -> None:
    client, base = here.client, f"path:{directory}"
    known = client.get("/catalog", id=base)["items"][0]
    assert (known["name"], known["context_length"]) == ("tiny-llama", 128)
    values = {"n_epochs": 8, "batch_size": 8, "learning_rate": 3e-3, "max_length": 128}
    trained = steps.train(client, "/jobs", job_request(client, base_model=base, hyperparameters=values))
    series = client.get(f"/jobs/{trained.job['id']}/metrics", name="validation_loss")["items"][0]
    assert min(series["values"]) < series["values"][0] / 2
    evaluations = evaluated(client, trained.job)
    assert evaluations["tuned"]["target"]["base_model"] == base
    assert evaluations["tuned"]["metrics"]["accuracy"] >= 0.4  # of two labels, from random weights: the form is learned
    assert evaluations["base"]["metrics"]["accuracy"] == 0
    served = steps.deploy(client, {"model": trained.model["id"]})
    asked = steps.ask_again(client, served["id"], evaluations["tuned"], 10)
    assert [each.answered for each in asked] == [each.recorded for each in asked]
    steps.tear_down(client, trained.model)
    assert (directory / "model.safetensors").exists()
