"""The same run again, and from its capsule in another installation: the same losses, to the last digit."""

from pathlib import Path

import pytest

from app.demo import steps
from app.demo.client import Answer, DemoClient
from tests.support.journeys import installation, job_request, project, reviews

pytestmark = [pytest.mark.training, pytest.mark.slow]


def losses(client: DemoClient, job: str) -> dict[str, list[float]]:
    series = client.items(f"/jobs/{job}/metrics", points=5000)
    return {each["name"]: each["values"] for each in series if each["name"].endswith("_loss")}


def succeeded(client: DemoClient, job: Answer) -> str:
    reported = client.until(f"/jobs/{job['id']}", lambda seen: seen["status"] in steps.FINAL, limit_s=300)
    assert reported["status"] == "succeeded", reported
    return str(reported["id"])


def test_a_run_comes_out_the_same_here_and_elsewhere(
    interpreter: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"runtime_python": str(interpreter), "local_threads": "1"}
    with installation(tmp_path_factory.mktemp("there"), **settings) as there:
        request = job_request(there.client, hyperparameters={"n_epochs": 2, "batch_size": 8, "learning_rate": 1e-3})
        first = succeeded(there.client, there.client.post("/jobs", request))
        second = succeeded(there.client, there.client.post(f"/jobs/{first}/run-again"))
        expected = losses(there.client, first)
        assert len(expected["train_loss"]) == 20
        assert losses(there.client, second) == expected
        capsule = there.client.get(f"/jobs/{first}/capsule")
    with installation(tmp_path_factory.mktemp("here"), **settings) as here:
        owner = project(here.client)
        reviews(here.client, owner)
        made = here.client.post("/jobs/from-capsule", {"capsule": capsule, "project": owner})
        assert losses(here.client, succeeded(here.client, made)) == expected
        assert here.client.get(f"/jobs/{made['id']}/capsule")["origin"] == capsule["origin"]
