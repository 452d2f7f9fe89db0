"""The recipe of an earlier data folder with real trainings: one over, two under way, and a model that is served.

One of the two is stopped (SIGSTOP) while the servers change, so that it surely is under way then, however fast
the machine is. The other one is interrupted: it is killed after its server.
"""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.older.client import Client, Document
from tests.support.older.documents import Documents, documents
from tests.support.older.installation import Installation
from tests.support.waiting import until

QUESTION = "The parcel came late, and the box was broken."
STEPS_PER_EPOCH, EPOCHS = 20, 10
STEPS = STEPS_PER_EPOCH * EPOCHS
_RECIPE = {"batch_size": 4, "learning_rate": 1e-3, "keep_checkpoints": EPOCHS}


@dataclass
class Trained:
    """What was made, by its id; `jobs` by their names."""

    installation: Installation
    code: Path
    interpreter: Path
    project: str = ""
    datasets: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    model: str = ""
    deployment: str = ""
    answer: str = ""  # of the deployment to QUESTION
    capsule: Document = field(default_factory=dict)
    documents: Documents = field(default_factory=dict)


def furnish(made: Trained) -> None:
    """Make the data folder with the earlier code, and kill its server."""
    installation = made.installation
    with installation.start(made.code, interpreter=made.interpreter) as client:
        sample = made.code / "app" / "samples" / "praise_or_complaint"
        made.project = client.post("/projects", {"name": "Praise or complaint"})["id"]
        for name in ("train", "validation", "test"):
            made.datasets[name] = client.upload(name, (sample / f"{name}.jsonl").read_bytes(), made.project)
        _whole_way(made, client)
        for name in ("under-way", "interrupted"):
            made.jobs[name] = _begun(made, client, name)
        os.kill(installation.child(made.jobs["under-way"]), signal.SIGSTOP)
        made.documents = documents(client)
        installation.kill()
    os.killpg(installation.child(made.jobs["interrupted"]), signal.SIGKILL)
    until(lambda: not installation.at_work(made.jobs["interrupted"]), doing="the end of the child")


def goes_on(made: Trained) -> None:
    """Let the training under way go on."""
    os.kill(made.installation.child(made.jobs["under-way"]), signal.SIGCONT)


def _whole_way(made: Trained, client: Client) -> None:
    body = {**_body(made, "whole", epochs=1), "test_dataset": made.datasets["test"]}
    made.jobs["whole"] = client.post("/jobs", body)["id"]
    made.model = client.until(f"/jobs/{made.jobs['whole']}", status="succeeded")["fine_tuned_model"]
    for evaluation in client.items("/evaluations"):
        client.until(f"/evaluations/{evaluation['id']}", status="succeeded")
    made.deployment = client.post("/deployments", {"target": {"model": made.model}, "expires_after_idle_s": 0})["id"]
    client.until(f"/deployments/{made.deployment}", status="ready")
    made.answer = client.says(made.deployment, QUESTION)
    made.capsule = client.get(f"/jobs/{made.jobs['whole']}/capsule")


def _begun(made: Trained, client: Client, name: str) -> str:
    """Return a training of which an epoch is over, and its checkpoint told."""
    job = str(client.post("/jobs", _body(made, name, epochs=EPOCHS))["id"])
    until(lambda: client.items(f"/jobs/{job}/checkpoints"), doing="a checkpoint")
    return job


def _body(made: Trained, name: str, *, epochs: int) -> Document:
    return {
        "project": made.project,
        "connection": "con_local",
        "base_model": "builtin:starter",
        "name": name,
        "training_dataset": made.datasets["train"],
        "validation": {"kind": "dataset", "dataset": made.datasets["validation"]},
        "hyperparameters": {**_RECIPE, "n_epochs": epochs},
        "seed": 1,
    }
