"""The same run again, and from its capsule in another installation: the same losses, to the last digit."""

from pathlib import Path

import pytest

from app.demo import steps
from app.demo.desk import Answer, Desk
from tests.support.journeys import job_wish, place, project, reviews

pytestmark = [pytest.mark.training, pytest.mark.slow]


def losses(desk: Desk, job: str) -> dict[str, list[float]]:
    series = desk.items(f"/jobs/{job}/metrics", points=5000)
    return {each["name"]: each["values"] for each in series if each["name"].endswith("_loss")}


def succeeded(desk: Desk, job: Answer) -> str:
    told = desk.until(f"/jobs/{job['id']}", lambda seen: seen["status"] in steps.FINAL, limit_s=300)
    assert told["status"] == "succeeded", told
    return str(told["id"])


def test_a_run_comes_out_the_same_here_and_elsewhere(
    interpreter: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"runtime_python": str(interpreter), "local_threads": "1"}
    with place(tmp_path_factory.mktemp("there"), **settings) as there:
        wish = job_wish(there.desk, hyperparameters={"n_epochs": 2, "batch_size": 8, "learning_rate": 1e-3})
        first = succeeded(there.desk, there.desk.post("/jobs", wish))
        second = succeeded(there.desk, there.desk.post(f"/jobs/{first}/run-again"))
        expected = losses(there.desk, first)
        assert len(expected["train_loss"]) == 20
        assert losses(there.desk, second) == expected
        capsule = there.desk.get(f"/jobs/{first}/capsule")
    with place(tmp_path_factory.mktemp("here"), **settings) as here:
        owner = project(here.desk)
        reviews(here.desk, owner)
        made = here.desk.post("/jobs/from-capsule", {"capsule": capsule, "project": owner})
        assert losses(here.desk, succeeded(here.desk, made)) == expected
        assert here.desk.get(f"/jobs/{made['id']}/capsule")["origin"] == capsule["origin"]
