"""The disk fills up in the middle of a training: the job says so, and its retry goes through."""

import resource
from pathlib import Path

import pytest

from app.demo import steps
from tests.support.journeys import installation, job_request
from tests.support.waiting import until

pytestmark = [
    pytest.mark.training,
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="another process is limited on Linux only"),
]
LESS_THAN_A_CHECKPOINT = 2**20  # bytes


def test_a_training_that_cannot_save_its_work(interpreter: Path, tmp_path: Path) -> None:
    with installation(tmp_path, runtime_python=str(interpreter)) as here:
        values = {"n_epochs": 2, "batch_size": 4}
        job = here.client.post("/jobs", job_request(here.client, hyperparameters=values))["id"]
        until(lambda: here.state(job) == "training", doing="the training's beginning")
        unlimited = resource.RLIM_INFINITY
        resource.prlimit(here.pid(job), resource.RLIMIT_FSIZE, (LESS_THAN_A_CHECKPOINT, unlimited))
        ended = here.client.until(f"/jobs/{job}", lambda seen: seen["status"] in steps.FINAL, limit_s=120)
        assert (ended["status"], ended["reason"]) == ("failed", "disk_full")
        assert ended["message"] == (
            "The disk is full: the training could not save its work. "
            "Free some space (old models and checkpoints can be removed), then start again."
        )
        assert here.client.items("/models") == []
        again = steps.train(here.client, f"/jobs/{job}/retry")
        assert again.job["id"] != job
        assert again.job["spec"] == ended["spec"]
        assert here.said == ""
