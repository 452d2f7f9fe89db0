"""One real training end to end, by REST alone, on reviews: the server is killed in the middle of it."""

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.demo import steps
from app.demo.client import Answer, Refused
from app.training import run_lock
from tests.support.connections import LOCAL_ID
from tests.support.journeys import Installation, evaluated, installation, job_request
from tests.support.local import ROOT
from tests.support.waiting import until

pytestmark = [pytest.mark.training, pytest.mark.slow]

# None of these is a default, so that none can be right by chance; by TRL's names for them.
CHOSEN = {
    "n_epochs": (3, "num_train_epochs"),
    "batch_size": (4, "per_device_train_batch_size"),
    "learning_rate": (7e-4, "learning_rate"),
    "warmup_steps": (5, "warmup_steps"),
    "lr_scheduler": ("linear", "lr_scheduler_type"),
    "weight_decay": (0.02, "weight_decay"),
    "max_grad_norm": (0.7, "max_grad_norm"),
    "adam_beta1": (0.88, "adam_beta1"),
    "adam_beta2": (0.97, "adam_beta2"),
    "max_length": (200, "max_length"),
    "keep_checkpoints": (2, "save_total_limit"),
}
SEED = 11
STEPS = 60  # 80 rows, 4 a batch, 3 times


@dataclass(frozen=True)
class Story:
    """What came of it."""

    installation: Installation
    job: Answer
    model: Answer
    evaluations: dict[str, Answer]
    trainer: int  # the process that trained when the server was killed

    def values(self, name: str) -> dict[int, float]:
        series = self.installation.client.get(f"/jobs/{self.job['id']}/metrics", name=name)["items"][0]
        return dict(zip(series["steps"], series["values"], strict=True))


@pytest.fixture(scope="module")
def story(interpreter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with installation(tmp_path_factory.mktemp("reviews"), runtime_python=str(interpreter)) as here:
        values = {name: value for name, (value, _) in CHOSEN.items()}
        job = here.client.post("/jobs", job_request(here.client, hyperparameters=values, seed=SEED))["id"]
        until(lambda: here.state(job) == "training", doing="the training's beginning")
        trainer = here.pid(job)
        here.kill()
        here.start()
        reported = here.client.until(f"/jobs/{job}", lambda seen: seen["status"] in steps.FINAL, limit_s=300)
        assert reported["status"] == "succeeded", reported
        model = here.client.get(f"/models/{reported['fine_tuned_model']}")
        yield Story(here, reported, model, evaluated(here.client, reported), trainer)
        assert here.said == ""


@pytest.fixture(scope="module")
def deployment(story: Story) -> Answer:
    return steps.deploy(story.installation.client, {"model": story.model["id"]})


def test_the_job_ends_once_although_its_server_was_killed(story: Story) -> None:
    events = story.installation.client.items(f"/jobs/{story.job['id']}/events")
    statuses = [event["message"] for event in reversed(events) if event["kind"] == "status"]
    assert statuses == ["pending", "preparing", "queued", "running", "succeeded"]
    assert [model["id"] for model in story.installation.client.items("/models")] == [story.model["id"]]
    assert len(story.evaluations) == 2


def test_the_training_went_on_in_the_process_that_the_killed_server_had_started(story: Story) -> None:
    process = run_lock.read_whole(story.installation.run(story.job["id"]) / run_lock.PROCESS)
    assert process is not None
    assert process["pid"] == story.trainer
    assert sorted(story.values("train_loss")) == list(range(1, STEPS + 1))


def test_it_learned(story: Story) -> None:
    validation = story.values("validation_loss")
    assert sorted(validation) == [0, 20, 40, 60]
    assert min(validation.values()) < validation[0] / 4
    best = [
        each["step"] for each in story.installation.client.items(f"/jobs/{story.job['id']}/checkpoints") if each["best"]
    ]
    assert best == [min((step for step in validation if step), key=lambda step: validation[step])]


def test_the_tuned_model_is_evaluated_beside_its_base_on_rows_it_never_saw(story: Story) -> None:
    base, tuned = (story.evaluations[name]["metrics"] for name in ("base", "tuned"))
    assert {each["dataset"] for each in story.evaluations.values()} == {story.job["spec"]["test_dataset"]}
    assert not any(each["selection_biased"] for each in story.evaluations.values())
    assert base["rows"] == tuned["rows"] == 24
    assert base["accuracy"] == 0
    assert tuned["accuracy"] >= 0.5
    assert tuned["loss"] < base["loss"]
    assert tuned["confusion"]["labels"] == ["complaint", "praise"]
    assert sum(map(sum, tuned["confusion"]["counts"])) == 24


def test_the_values_that_were_asked_for_are_the_arguments_that_trl_saved(story: Story, interpreter: Path) -> None:
    script = ROOT / "tests" / "integration" / "journeys" / "saved_arguments.py"
    command = [str(interpreter), str(script), str(story.installation.run(story.job["id"]) / "training_args.bin")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    saved: dict[str, Any] = json.loads(printed.splitlines()[-1])
    wanted = {theirs: value for value, theirs in CHOSEN.values()} | {"seed": SEED, "loss_type": "nll"}
    assert {name: saved[name] for name in wanted} == wanted


def test_ten_test_rows_through_the_deployment_are_answered_as_the_evaluation_recorded(
    story: Story, deployment: Answer
) -> None:
    asked = steps.ask_again(story.installation.client, deployment["id"], story.evaluations["tuned"], 10)
    assert [each.answered for each in asked] == [each.recorded for each in asked]
    assert len(asked) == 10


@pytest.mark.slow
def test_a_killed_inference_process_comes_back(story: Story, deployment: Answer) -> None:
    client, identifier = story.installation.client, deployment["id"]
    question = [{"role": "user", "content": "The soup was cold."}]
    answer = steps.chat(client, identifier, question)
    killed = story.installation.pid(identifier)
    os.kill(killed, signal.SIGKILL)
    client.until(
        f"/deployments/{identifier}", lambda seen: seen["restarts"] > 0 and seen["status"] == "ready", limit_s=120
    )
    assert story.installation.pid(identifier) != killed
    assert steps.chat(client, identifier, question) == answer


def test_an_idle_deployment_stops(story: Story) -> None:
    client = story.installation.client
    base = {"base_model": "builtin:starter", "connection": LOCAL_ID}
    served = steps.deploy(client, base, expires_after_idle_s=1)
    ended = client.until(f"/deployments/{served['id']}", lambda seen: seen["status"] == "deleted", limit_s=120)
    assert ended["reason"] == "idle"
    assert not run_lock.is_locked(story.installation.run(served["id"]))


def test_a_model_that_is_served_is_not_deleted_but_torn_down_in_order(story: Story, deployment: Answer) -> None:
    client, model = story.installation.client, story.model
    with pytest.raises(Refused) as refusal:
        client.delete(f"/models/{model['id']}")
    assert refusal.value.status == 409
    assert deployment["name"] in str(refusal.value)
    assert steps.tear_down(client, model) == [f"deployment {deployment['name']}", f"model {model['name']}"]
    assert client.get(f"/models/{model['id']}")["status"] == "deleted"
    assert not (story.installation.run(story.job["id"]) / "model").exists()


def test_the_capsule_says_what_it_was_made_with(story: Story) -> None:
    capsule = story.installation.client.get(f"/jobs/{story.job['id']}/capsule")
    weights = (ROOT / "app" / "samples" / "starter" / "model.safetensors").read_bytes()
    assert capsule["origin"]["weights"] == {"model.safetensors": hashlib.sha256(weights).hexdigest()}
    assert {"torch", "trl", "transformers", "python"} <= set(capsule["origin"]["versions"])
    assert capsule["data"]["training"]["rows"] == 80
    assert capsule["sent"]["seed"] == SEED
    assert capsule["outcome"]["final"]["train_loss"] == {"step": STEPS, "value": story.values("train_loss")[STEPS]}
    assert set(capsule["outcome"]["evaluations"]) == {"base", "tuned"}
