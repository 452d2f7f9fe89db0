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
    assert half["progress"]["step"] > 0
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
