"""A completed job has its model, whatever the model's version says of its job; and nothing of others is removed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.azure.certificates import Certificates
from tests.support.azure.house import AzureHouse
from tests.support.azure.official import official
from tests.support.azure.recorded_job import RecordedJob, recorded_job, turn
from tests.support.azure.served import served_cloud
from tests.support.azure.state import Asset
from tests.support.clock import TurnedClock
from tests.support.door import client_of, key, whole_app

API = "/api/v1"
HOUR = 3600.0


@pytest.fixture
def house(azure_certificates: Certificates, tmp_path: Path) -> Iterator[AzureHouse]:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as served:
        made = AzureHouse(tmp_path / "house", served)
        made.clock.turn(served.cloud.clock.now() - made.clock.now())
        yield made
        made.close()


@pytest.fixture
def client(house: AzureHouse) -> Iterator[TestClient]:
    with client_of(whole_app(house.scopes)) as made:
        yield made


def seen(client: TestClient, job: RecordedJob) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{API}/jobs/{job.id}").json()
    return found


def made_by(client: TestClient, job: RecordedJob) -> str:
    """Return what the backend calls the job's model."""
    found = seen(client, job)
    assert found["fine_tuned_model"], found
    return str(client.get(f"{API}/models/{found['fine_tuned_model']}").json()["remote_id"])


@pytest.mark.parametrize(
    ("model_job", "model_tags"), [("job", False), ("below", False), ("null", True), ("null", False)]
)
def test_its_model_is_found_by_whatever_tells_it(
    house: AzureHouse, client: TestClient, model_job: str, *, model_tags: bool
) -> None:
    house.served.cloud.state.model_job, house.served.cloud.state.model_tags = model_job, model_tags
    job = recorded_job(house)
    job.pass_by(HOUR / 2)
    assert (seen(client, job)["status"], made_by(client, job)) == ("succeeded", f"{job.asset}:1")


def test_it_is_found_by_the_output_that_names_it(house: AzureHouse, client: TestClient) -> None:
    """Two versions could be it, and the job's own output says which."""
    state = house.served.cloud.state
    state.model_job, state.model_tags, state.model_versions = "null", False, 2
    job = recorded_job(house)
    job.remote.body["properties"]["outputs"]["registered_model"]["uri"] = f"azureml:{job.asset}:2"
    job.pass_by(HOUR / 2)
    assert made_by(client, job) == f"{job.asset}:2"


def test_without_any_name_it_is_found_by_the_jobs_own(house: AzureHouse, client: TestClient) -> None:
    """The service gave the output another name, and its body has null for it."""
    job = recorded_job(house)
    properties = job.remote.body["properties"]
    properties["outputs"]["registered_model"]["assetName"] = None
    properties["properties"].pop("_outputModelName", None)
    properties["displayName"] = None
    job.remote.registered = True
    name = f"renamed-{job.remote.name}"
    version = official("model-version")["properties"]
    house.served.project.models[name] = {"7": Asset("models", name, "7", version, house.served.cloud.clock.now())}
    job.pass_by(HOUR / 2)
    assert made_by(client, job) == f"{name}:7"


def test_a_person_chooses_where_several_may_be_it(house: AzureHouse, client: TestClient) -> None:
    state = house.served.cloud.state
    state.model_job, state.model_tags, state.model_versions = "null", False, 2
    job = recorded_job(house)
    job.pass_by(HOUR / 2)
    found = seen(client, job)
    assert (found["status"], found["fine_tuned_model"]) == ("succeeded", None)
    assert "2 models may be it" in found["message"]
    assert "Choose its model" in client.get(f"/jobs/{job.id}").text
    assert "Which model is it?" in client.get("/").text
    candidates = client.get(f"{API}/jobs/{job.id}/candidates").json()["items"]
    assert [each["name"] for each in candidates] == [f"{job.asset}:1", f"{job.asset}:2"]
    assert not any(each["sure"] for each in candidates)
    wrong = client.post(f"{API}/jobs/{job.id}/model", json={"model": "somebody-elses:1"}, headers=key("wrong"))
    assert wrong.status_code == 422
    assert f"{job.asset}:2" in wrong.json()["errors"][0]["fix"]
    page = client.get(f"/jobs/{job.id}/model").text
    assert f"{job.asset}:2" in page
    chosen = client.post(f"{API}/jobs/{job.id}/model", json={"model": f"{job.asset}:2"}, headers=key("right"))
    assert chosen.status_code == 200
    assert made_by(client, job) == f"{job.asset}:2"
    again = client.post(f"{API}/jobs/{job.id}/model", json={"model": f"{job.asset}:1"}, headers=key("again"))
    assert again.status_code == 409


def test_a_page_chooses_too(house: AzureHouse, client: TestClient) -> None:
    state = house.served.cloud.state
    state.model_job, state.model_tags, state.model_versions = "null", False, 2
    job = recorded_job(house)
    job.pass_by(HOUR / 2)
    sent = client.post(f"/jobs/{job.id}/model", data={"model": f"{job.asset}:1"}, follow_redirects=False)
    assert sent.status_code == 303
    assert made_by(client, job) == f"{job.asset}:1"


def test_a_trained_job_without_a_model_has_not_failed(house: AzureHouse, client: TestClient) -> None:
    """Nor does it wait for ever where the history does not say when it ended."""
    job = recorded_job(house)
    job.remote.registered = True
    job.pass_by(HOUR / 4)
    job.remote.ended = None
    assert seen(client, job)["note"] == "Azure has completed the job; its model is being registered."
    job.pass_by(HOUR / 2)
    found = seen(client, job)
    assert (found["status"], found["fine_tuned_model"]) == ("succeeded", None)
    assert "shows no model of it yet" in found["message"]
    assert client.get(f"{API}/jobs/{job.id}/candidates").json()["items"] == []
    assert client.get(f"/jobs/{job.id}/model").status_code == 200


def test_what_another_job_made_is_no_candidate(house: AzureHouse, client: TestClient) -> None:
    """Older than the job, made by another one, or with another job's tags: under the very same name."""
    job = recorded_job(house)
    job.remote.registered = True
    now, base = house.served.cloud.clock.now(), official("model-version")["properties"]
    others = {
        "1": Asset("models", job.asset, "1", base, now.replace(year=2024)),
        "2": Asset("models", job.asset, "2", {**base, "jobName": "somebody-elses"}, now),
        "3": Asset("models", job.asset, "3", {**base, "tags": {"tunedesk": "job-other"}}, now),
    }
    house.served.project.models[job.asset] = others
    job.pass_by(HOUR)
    assert seen(client, job)["fine_tuned_model"] is None
    assert client.get(f"{API}/jobs/{job.id}/candidates").json()["items"] == []


@pytest.mark.parametrize("model_job", ["below", "null"])
def test_a_teardown_removes_what_is_surely_the_jobs(house: AzureHouse, client: TestClient, model_job: str) -> None:
    house.served.cloud.state.model_job, house.served.cloud.state.model_tags = model_job, False
    job = recorded_job(house)
    job.pass_by(HOUR / 2)
    model = seen(client, job)["fine_tuned_model"]
    assert model is not None
    assert client.delete(f"{API}/models/{model}").status_code in {200, 202, 204}
    assert job.asset not in house.served.project.models


def test_a_teardown_leaves_alone_what_is_not_surely_the_jobs(house: AzureHouse, client: TestClient) -> None:
    """A person chose it among two; nothing at Azure says that it is ours."""
    state = house.served.cloud.state
    state.model_job, state.model_tags, state.model_versions = "null", False, 2
    job = recorded_job(house)
    job.pass_by(HOUR / 2)
    client.post(f"{API}/jobs/{job.id}/model", json={"model": f"{job.asset}:2"}, headers=key("chosen"))
    model = seen(client, job)["fine_tuned_model"]
    refused = client.delete(f"{API}/models/{model}")
    assert refused.status_code >= 400
    assert "left alone" in refused.text
    assert set(house.served.project.models[job.asset]) == {"1", "2"}


def test_orphans_go_by_the_same_rule(house: AzureHouse, client: TestClient) -> None:
    state = house.served.cloud.state
    state.model_job, state.model_tags = "null", False
    job = recorded_job(house)
    job.remote.advance_to("Completed")
    now, base = house.served.cloud.clock.now(), official("model-version")["properties"]
    house.served.project.models["elsewhere"] = {"1": Asset("models", "elsewhere", "1", base, now)}
    turn(house, 1)
    found = client.get(f"{API}/connections/{house.connection.id}/orphans").json()
    named = {each["key"] for part in ("orphans", "known", "foreign") for each in found[part]}
    assert f"model:{job.asset}:1" in named
    assert "model:elsewhere:1" not in named
