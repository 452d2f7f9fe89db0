"""A managed deployment starts as Microsoft's samples let it, and is asked in the form that its model takes."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.azure.certificates import Certificates
from tests.support.azure.house import AzureHouse
from tests.support.azure.recorded_job import turn
from tests.support.azure.scoring import FORMS as TAKEN
from tests.support.azure.served import MANAGED, served_cloud
from tests.support.clock import TurnedClock
from tests.support.door import client_of, key, whole_app
from tests.support.spending import ACCEPTED

API = "/api/v1"
QUESTION = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def house(azure_certificates: Certificates, tmp_path: Path) -> Iterator[AzureHouse]:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as served:
        made = AzureHouse(tmp_path / "house", served)
        yield made
        made.close()


@pytest.fixture
def client(house: AzureHouse) -> Iterator[TestClient]:
    with client_of(whole_app(house.scopes)) as made:
        yield made


def deployed(house: AzureHouse, client: TestClient, form: str) -> str:
    """Deploy a tuned model whose container takes one form, until it is ready; return its address."""
    house.served.cloud.state.scoring_form = form
    model = house.tuned("heavy", base=MANAGED)
    body = {"target": {"model": model.id}, "expires_after_idle_s": 0, **ACCEPTED}
    made = client.post(f"{API}/deployments", json=body, headers=key(form.replace(" ", "-").replace(",", ""))).json()
    address = f"{API}/deployments/{made['id']}"
    for _ in range(12):
        house.tick()
    found = client.get(address).json()
    assert found["status"] == "ready", found["note"]
    return address


def scored(house: AzureHouse) -> list[Any]:
    """Return the bodies that endpoints were asked with."""
    cloud = house.served.cloud
    return [each.body for each in cloud.requests if each.host.endswith(".inference.ml.azure.com")]


@pytest.mark.parametrize("form", [*TAKEN, "chat completions"])
def test_its_form_is_found_kept_and_shown(house: AzureHouse, client: TestClient, form: str) -> None:
    address = deployed(house, client, form)
    before = len(scored(house))
    answer = client.post(f"{address}/chat", json=QUESTION).json()
    assert answer["choices"][0]["message"]["content"] == "The tuned model heard: Hello"
    assert len(scored(house)) == before + 1, "it is known by now, and not looked for again"
    code = client.get(f"{address.replace(API, '')}").text
    names = {"inputs": "inputs", "columns, index, data": "columns"}
    assert names.get(form, "messages" if form == "chat completions" else "input_string") in code
    assert (".inference.ml.azure.com/v1/chat/completions" in code) == (form == "chat completions")


def test_the_command_that_is_shown_is_one_that_the_endpoint_takes(house: AzureHouse, client: TestClient) -> None:
    deployed(house, client, "inputs")
    endpoint = next(iter(house.served.project.online.values()))
    uri = f"https://{endpoint.name}.eastus2.inference.ml.azure.com/score"
    shown = house.azure.direct_code(uri)["curl"]
    words = shlex.split(re.sub(r"\\\n", " ", shown.split("\n", 1)[1]))
    body = json.loads(words[words.index("-d") + 1])
    assert TAKEN["inputs"](body) == [{"role": "user", "content": "Where is my parcel?"}]


def test_it_is_found_again_where_what_was_kept_is_lost(house: AzureHouse, client: TestClient) -> None:
    address = deployed(house, client, "columns, index, data")
    for file in (house.folder / "cache").rglob("azure-forms/*"):
        file.unlink()
    answer = client.post(f"{address}/chat", json=QUESTION).json()
    assert answer["choices"][0]["message"]["content"] == "The tuned model heard: Hello"


def test_it_starts_as_microsofts_sample_for_a_tuned_model_lets_it(house: AzureHouse, client: TestClient) -> None:
    deployed(house, client, "input_string")
    endpoint = next(iter(house.served.project.online.values()))
    properties = endpoint.children["main"].properties
    assert "livenessProbe" in properties
    assert properties["livenessProbe"]["initialDelay"] == "PT600S"
    assert properties["requestSettings"]["requestTimeout"] == "PT90S"
    body = {
        "target": {"connection": house.connection.id, "base_model": f"{MANAGED}:13"},
        "expires_after_idle_s": 0,
        **ACCEPTED,
    }
    made = client.post(f"{API}/deployments", json=body, headers=key("base")).json()
    house.until(lambda: client.get(f"{API}/deployments/{made['id']}").json()["status"] == "ready")
    base = list(house.served.project.online.values())[-1].children["main"].properties
    assert base["readinessProbe"]["initialDelay"] == base["livenessProbe"]["initialDelay"] == "PT2000S"


def test_an_endpoint_that_takes_no_form_does_not_come_up_for_ever(house: AzureHouse, client: TestClient) -> None:
    """It is billed meanwhile. Once its container is mended, it serves."""
    house.served.cloud.state.scoring_form = "one that nobody knows"
    body = {"target": {"model": house.tuned("heavy", base=MANAGED).id}, "expires_after_idle_s": 0, **ACCEPTED}
    made = client.post(f"{API}/deployments", json=body, headers=key("mute")).json()
    address = f"{API}/deployments/{made['id']}"

    def pass_by(turns: int, seconds: float) -> dict[str, Any]:
        for _ in range(turns):
            turn(house, seconds)
        found: dict[str, Any] = client.get(address).json()
        return found

    early = pass_by(12, 60)
    assert early["status"] == "creating"
    assert "takes no form of question that is known" in early["note"]
    house.app_context.backends._opened.clear()  # a server that has been started anew
    late = pass_by(7, 300)
    assert late["status"] == "failed"
    assert "the input is not as expected" in late["message"]
    assert "Azure bills every machine" in late["message"]
    house.served.cloud.state.scoring_form = "inputs"
    assert pass_by(3, 300)["status"] == "ready"
