"""A connection that Azure has refused looks again by itself, later each time, whether or not anything runs."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.engine.engine import Engine
from tests.support.azure.certificates import Certificates
from tests.support.azure.house import AzureHouse
from tests.support.azure.roles import AI_DEVELOPER, READER
from tests.support.azure.served import BASE, served_cloud
from tests.support.clock import TurnedClock
from tests.support.door import client_of, key, whole_app
from tests.support.spending import ACCEPTED

API = "/api/v1"


@pytest.fixture
def house(azure_certificates: Certificates, tmp_path: Path) -> Iterator[AzureHouse]:
    clock = TurnedClock()
    with served_cloud(azure_certificates, tmp_path / "cloud", clock) as served:
        clock.turn(served.cloud.clock.now() - clock.now())  # the doctor compares the two
        made = AzureHouse(tmp_path / "house", served)
        yield made
        made.close()


@pytest.fixture
def client(house: AzureHouse) -> Iterator[TestClient]:
    with client_of(whole_app(house.scopes)) as made:
        yield made


def connection(house: AzureHouse, client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{API}/connections/{house.connection.id}").json()
    return found


def submitted(house: AzureHouse, client: TestClient) -> str:
    body = {
        "project": house.only_project(),
        "connection": house.connection.id,
        "base_model": BASE,
        "name": "triage",
        "training_dataset": house.dataset().id,
        **ACCEPTED,
    }
    return str(client.post(f"{API}/jobs", json=body, headers=key("paused")).json()["id"])


def paused(house: AzureHouse, client: TestClient) -> str:
    """Take the account's roles away, and let a job that waits find that out; return it."""
    house.served.cloud.seed.take_away()
    job = submitted(house, client)
    house.tick()
    assert connection(house, client)["paused_reason"]
    return job


def granted(house: AzureHouse) -> None:
    """Give the account its roles back."""
    for role in (AI_DEVELOPER, READER):
        house.served.cloud.seed.grant(role)


def asked(house: AzureHouse) -> int:
    """Return how often Azure was asked for the project itself."""
    path = house.served.project.id
    return sum(each.path == path for each in house.served.cloud.requests)


def pass_by(house: AzureHouse, minutes: float) -> None:
    for _ in range(round(minutes * 2)):
        house.tick(30)


def test_it_looks_again_though_nothing_runs(house: AzureHouse, client: TestClient) -> None:
    job = paused(house, client)
    client.post(f"{API}/jobs/{job}/cancel")
    house.tick()
    assert client.get(f"{API}/jobs/{job}").json()["status"] == "cancelled"
    granted(house)
    pass_by(house, 3)
    assert connection(house, client)["paused_reason"] is None
    said = client.get(f"{API}/connections/{house.connection.id}").json()
    assert said.get("next_look_at") is None


def test_whoever_waits_begins_once_it_answers(house: AzureHouse, client: TestClient) -> None:
    job = paused(house, client)
    granted(house)
    pass_by(house, 3)
    assert client.get(f"{API}/jobs/{job}").json()["status"] != "pending"


def test_it_looks_ever_more_seldom(house: AzureHouse, client: TestClient) -> None:
    paused(house, client)
    before = asked(house)
    pass_by(house, 16)
    first = asked(house) - before
    pass_by(house, 64)
    later = asked(house) - before - first
    assert 3 <= first <= 5, "after 1, 3, 7 and 15 minutes"
    assert 2 <= later <= 4, "after 31 minutes, then every half hour"
    seen = connection(house, client)
    assert seen["paused_reason"]
    assert seen["next_look_at"] is not None


def test_a_right_to_look_without_one_to_train_is_not_tried_every_minute(house: AzureHouse, client: TestClient) -> None:
    """Azure answers, so the pause ends; the submit is refused, so it comes back, for longer each time."""
    house.served.cloud.seed.take_away()
    house.served.cloud.seed.grant(READER)
    submitted(house, client)
    pass_by(house, 64)
    refused = [each for each in house.served.cloud.requests if each.status == 403]
    assert len(refused) <= 12, "not sixty"
    granted(house)
    pass_by(house, 31)
    assert connection(house, client)["paused_reason"] is None


def test_a_healthy_doctor_ends_the_pause_at_once(house: AzureHouse, client: TestClient) -> None:
    paused(house, client)
    address = f"{API}/connections/{house.connection.id}/doctor"
    assert not client.post(address).json()["healthy"]
    assert connection(house, client)["paused_reason"], "a doctor who finds something ends nothing"
    granted(house)
    assert client.post(address).json()["healthy"]
    assert connection(house, client)["paused_reason"] is None


def test_the_page_says_when_it_looks_and_offers_to_look_now(house: AzureHouse, client: TestClient) -> None:
    paused(house, client)
    page = client.get(f"/connections/{house.connection.id}").text
    assert "Next automatic check:" in page
    assert "Look now" in page
    granted(house)
    looked = client.post(f"{API}/engine/look/connections/{house.connection.id}", headers=key("look"))
    assert looked.status_code == 202
    house.tick(1)
    assert connection(house, client)["paused_reason"] is None


def test_a_pause_survives_a_restart(house: AzureHouse, client: TestClient) -> None:
    paused(house, client)
    granted(house)
    house.clock.turn(timedelta(minutes=5))
    started = Engine(house.scopes)
    started.take_over()
    started.tick()
    assert connection(house, client)["paused_reason"] is None


def test_an_edit_ends_a_pause_and_its_looks(house: AzureHouse, client: TestClient) -> None:
    paused(house, client)
    changed = client.patch(f"{API}/connections/{house.connection.id}", json={"name": "Foundry again"}).json()
    assert (changed["paused_reason"], changed.get("next_look_at")) == (None, None)
