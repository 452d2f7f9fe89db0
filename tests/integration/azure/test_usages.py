"""Limits by REST, a page and the doctor, as Azure's own example lists the usages of a region."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.support.azure.certificates import Certificates
from tests.support.azure.house import AzureHouse
from tests.support.azure.official import official
from tests.support.azure.roles import READER
from tests.support.azure.served import served_cloud
from tests.support.azure.state import SUBSCRIPTION
from tests.support.clock import TurnedClock
from tests.support.door import client_of, whole_app

API = "/api/v1"
DSV2, NC = (f"Standard {name} Family Cluster Dedicated vCPUs" for name in ("DSv2", "NC"))


@pytest.fixture
def house(azure_certificates: Certificates, tmp_path: Path) -> Iterator[AzureHouse]:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as served:
        state = served.cloud.state
        served.cloud.seed.grant(READER, scope=f"/subscriptions/{SUBSCRIPTION}")
        state.subscriptions[SUBSCRIPTION].usages.clear()
        state.usage_rows = official("usages")["value"]
        made = AzureHouse(tmp_path / "house", served)
        yield made
        made.close()


@pytest.fixture
def client(house: AzureHouse) -> Iterator[TestClient]:
    with client_of(whole_app(house.scopes)) as made:
        yield made


def test_a_familys_cores_are_counted_once_and_their_users_apart(house: AzureHouse, client: TestClient) -> None:
    rows = client.get(f"{API}/prices/limits/{house.connection.id}").json()["quotas"]
    asked = [each for each in rows if each["region"]]
    whole = [each for each in asked if not each.get("used_by")]
    assert max(Counter(each["label"] for each in whole).values()) == 1
    assert {each["label"]: (each["used"], each["limit"]) for each in whole if each["label"] in {DSV2, NC}} == {
        DSV2: (2.0, 24.0),
        NC: (12.0, 24.0),
    }
    parts = {each["used_by"]: each["used"] for each in asked if each["label"] == NC and each["used_by"]}
    assert parts == {
        "workspace demo_workspace1": 6.0,
        "workspace demo_workspace2": 6.0,
        "cluster demo_cluster1_nc of workspace demo_workspace1": 6.0,
        "cluster demo_cluser1_nc of workspace demo_workspace2": 6.0,
    }
    assert len({each["id"] for each in rows}) == len(rows)
    units = {each["label"]: each["unit"] for each in whole}
    assert (units["Clusters"], units["Total Cluster Dedicated Regional vCPUs"]) == ("clusters", "cores")


def test_the_page_shows_whose_part_a_row_is(house: AzureHouse, client: TestClient) -> None:
    page = client.get(f"/connections/{house.connection.id}/limits").text
    assert "of which cluster demo_cluster1_nc of workspace demo_workspace1" in page


def test_no_family_has_more_free_cores_than_are_left_in_all(house: AzureHouse, client: TestClient) -> None:
    """NC has 12 of 24 cores free, and of the 24 dedicated cores of the region 10 are left."""
    checks = client.post(f"{API}/connections/{house.connection.id}/doctor").json()["checks"]
    quota = next(each for each in checks if each["id"] == "quota")
    assert quota["detail"].count("NC Family Cluster Dedicated") == 1
    assert f"{NC} 10 cores" in quota["detail"]


def test_a_row_of_an_unknown_kind_is_shown_as_such(house: AzureHouse, client: TestClient) -> None:
    strange = official("usages")["value"][2] | {"type": "Microsoft.MachineLearningServices/slices/usages"}
    house.served.cloud.state.usage_rows.append({**strange, "currentValue": 1})
    rows = client.get(f"{API}/prices/limits/{house.connection.id}").json()["quotas"]
    found = [each for each in rows if each["label"] == strange["name"]["value"]]
    note = "Azure counts it as 'slices', a kind that this version does not know."
    assert [each["note"] for each in found] == ["", note]
    assert [each["used"] for each in found] == [0.0, 1.0]
