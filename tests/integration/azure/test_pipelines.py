"""A training on managed compute is a pipeline: its metrics and its log are those of the step that trains."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.house import AzureHouse
from tests.support.azure.recorded_job import recorded_job, turn
from tests.support.azure.served import served_cloud
from tests.support.clock import TurnedClock
from tests.support.door import client_of, whole_app

API = "/api/v1"


@pytest.fixture
def house(azure_certificates: Certificates, azurite: Azurite, tmp_path: Path) -> Iterator[AzureHouse]:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock(), azurite=azurite) as served:
        made = AzureHouse(tmp_path / "house", served)
        made.clock.turn(served.cloud.clock.now() - made.clock.now())
        yield made
        made.close()


@pytest.fixture
def client(house: AzureHouse) -> Iterator[TestClient]:
    with client_of(whole_app(house.scopes)) as made:
        yield made


def test_metrics_and_log_are_those_of_the_step_that_trains(house: AzureHouse, client: TestClient) -> None:
    job = recorded_job(house)
    job.pass_by(180, step=60)
    half = client.get(f"{API}/jobs/{job.id}").json()
    assert half["status"] == "running"
    assert half["progress"]["step"]
    job.pass_by(600, step=150)
    series = {each["name"]: each for each in client.get(f"{API}/jobs/{job.id}/metrics").json()["items"]}
    assert len(series["train_loss"]["steps"]) == job.remote.steps()
    assert "'loss'" in client.get(f"{API}/jobs/{job.id}/log").text


def test_many_pipelines_are_not_taken_for_quiet(house: AzureHouse, client: TestClient) -> None:
    """Thirty are looked at by one list, in which a pipeline has no metrics of its own."""
    jobs = [recorded_job(house, name=f"triage-{number}") for number in range(25)]
    turn(house, 30)
    turn(house, 120)
    turn(house, 120)
    steps = [client.get(f"{API}/jobs/{job.id}").json()["progress"]["step"] for job in jobs]
    assert all(step for step in steps)


def test_a_failed_one_says_what_its_step_says(house: AzureHouse, client: TestClient) -> None:
    """The pipeline itself tells no more than that one has failed; the reason goes by the step's words, too."""
    job = recorded_job(house)
    job.pass_by(180, step=60)
    job.remote.fail("UserError", "Training needs at least 10 examples.", house.served.cloud.clock.now())
    job.pass_by(60, step=30)
    ended = client.get(f"{API}/jobs/{job.id}").json()
    assert (ended["status"], ended["reason"]) == ("failed", "invalid_data")
    assert "Training needs at least 10 examples." in ended["message"]
    assert "at least one of the child runs" in ended["message"]


def test_who_may_not_read_the_steps_learns_what_the_job_says(house: AzureHouse, client: TestClient) -> None:
    job = recorded_job(house)
    job.pass_by(180, step=60)
    job.remote.fail("UserError", "It is the step's secret.", house.served.cloud.clock.now())
    house.served.cloud.faults.add(("GET", rf"/runs/{job.remote.step}/details"), "403", times=9)
    job.pass_by(60, step=30)
    ended = client.get(f"{API}/jobs/{job.id}").json()
    assert ended["status"] == "failed"
    assert "at least one of the child runs" in ended["message"]
