"""Behind a proxy that lets through exactly the hosts that docs/azure.md lists: the whole way, and one host fewer.

The registries' discovery answers as it was recorded (`tests/support/azure/registry.py`): its data plane is elsewhere.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.settings import ROOT
from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.foundry import load_packages
from tests.support.azure.house import AzureHouse
from tests.support.azure.served import BASE, MANAGED, served_cloud
from tests.support.clock import TurnedClock
from tests.support.door import client_of, key, rest_app
from tests.support.spending import ACCEPTED

API = "/api/v1"
REFUSED = "the proxy refuses it"


def documented() -> list[str]:
    """Return the hosts of the list in docs/azure.md, as an administrator reads it."""
    text = (ROOT / "docs" / "azure.md").read_text(encoding="utf-8")
    section = text.partition("## Network\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [host for row in rows for host in re.findall(r"`([^`]+)`", row)]


HOSTS = documented()


def only(cloud: AzureCloud, hosts: list[str]) -> None:
    """Let the proxy pass these hosts, a star for one or several labels, and no other."""
    allowed = "|".join(re.escape(host).replace(r"\*", r"[a-z0-9.-]+") for host in hosts)
    cloud.close_hosts(rf"(?!(?:{allowed})\Z).+")


@pytest.fixture
def app_context(azure_certificates: Certificates, azurite: Azurite, tmp_path: Path) -> Iterator[AzureHouse]:
    load_packages()
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock(), azurite=azurite) as served:
        made = AzureHouse(tmp_path / "house", served)
        yield made
        made.close()
        served.cloud.close_hosts()


@pytest.fixture
def client(app_context: AzureHouse) -> Iterator[TestClient]:
    with client_of(rest_app(app_context)) as made:
        yield made


def checks(app_context: AzureHouse, client: TestClient) -> dict[str, Any]:
    """Run the doctor by REST."""
    address = f"{API}/connections/{app_context.connection.id}/doctor"
    return {each["id"]: each for each in client.post(address).json()["checks"]}


def job(app_context: AzureHouse, client: TestClient, name: str = "triage") -> str:
    """Ask for a training of a model that nobody typed a version of; return its address."""
    rows = app_context.dataset(30)
    body = {
        "project": app_context.only_project(), "connection": app_context.connection.id, "base_model": BASE,
        "name": name, "training_dataset": rows.id, "validation": {"kind": "none"}, **ACCEPTED,
    }  # fmt: skip
    made = client.post(f"{API}/jobs", json=body, headers=key(name))
    assert made.status_code < 300, made.text
    return f"{API}/jobs/{made.json()['id']}"


def deployed(client: TestClient, model: str) -> str:
    body = {"target": {"model": model}, "expires_after_idle_s": 0, **ACCEPTED}
    return f"{API}/deployments/{client.post(f'{API}/deployments', json=body, headers=key(model)).json()['id']}"


def test_the_documented_hosts_suffice_for_the_whole_way(app_context: AzureHouse, client: TestClient) -> None:
    cloud = app_context.served.cloud
    only(cloud, HOSTS)
    address = job(app_context, client)
    for _ in range(200):
        app_context.tick()
        ended = client.get(address).json()
        if ended["status"] in {"succeeded", "failed"}:
            break
    assert ended["status"] == "succeeded", ended
    found = checks(app_context, client).get("hosts", {})
    assert found.get("status") == "pass", found
    assert "cert-eastus2.experiments.azureml.net" in found["detail"]
    deployment = deployed(client, ended["fine_tuned_model"])
    app_context.until(lambda: client.get(deployment).json()["status"] in {"ready", "failed"})
    question = {"messages": [{"role": "user", "content": "Hello"}]}
    answer = client.post(f"{deployment}/chat", json=question)
    assert answer.json()["choices"][0]["message"]["content"], answer.text
    assert cloud.refused == [], "somebody was asked who is not on the list"


@pytest.mark.parametrize(
    ("taken", "named", "by"),
    [
        ("login.microsoftonline.com", "login.microsoftonline.com", "sign_in"),
        ("management.azure.com", "management.azure.com", "network"),
        ("*.api.azureml.ms", ".api.azureml.ms", "hosts"),
        ("*.experiments.azureml.net", "cert-eastus2.experiments.azureml.net", "hosts"),
        ("*.blob.core.windows.net", ".blob.core.windows.net", "hosts"),
        ("*.models.ai.azure.com", ".eastus2.models.ai.azure.com", "hosts"),
        ("*.inference.ml.azure.com", ".eastus2.inference.ml.azure.com", "hosts"),
    ],
)
def test_a_host_that_is_taken_away_is_named_before_and_after(
    app_context: AzureHouse, client: TestClient, taken: str, named: str, by: str
) -> None:
    cloud = app_context.served.cloud
    endpoint = "models" in taken or "inference" in taken
    model = app_context.tuned(base=BASE if "models" in taken else MANAGED).id if endpoint else ""
    only(cloud, [each for each in HOSTS if each != taken])
    found = checks(app_context, client).get(by, {})
    assert found.get("status") == "fail", found
    assert named in found["detail"]
    assert named in f"{found['fix']['text']} {found['fix']['command']}"
    address = deployed(client, model) if endpoint else job(app_context, client)

    def noted() -> str:
        shown = client.get(address).json()
        return f"{shown.get('note')} {shown.get('message')}"

    app_context.until(lambda: named in noted(), limit=30)
    assert "could not be reached" in noted() or "Signing in" in noted()
    assert client.get(address).json()["status"] not in {"failed", "succeeded", "ready"}
    cloud.close_hosts()
    done = {"ready"} if endpoint else {"queued", "running", "succeeded"}
    app_context.until(lambda: client.get(address).json()["status"] in done, limit=60)
    gone = re.compile(re.escape(taken).replace(r"\*", ".+") + ":443")
    assert all(gone.fullmatch(each) for each in cloud.refused), cloud.refused
    cloud.refused.clear()


def test_a_registry_that_is_not_reached_leaves_its_last_known_version(
    app_context: AzureHouse, client: TestClient
) -> None:
    """Also of a server that has been started anew since."""
    cloud = app_context.served.cloud
    first = job(app_context, client)
    app_context.until(lambda: client.get(first).json()["status"] in {"queued", "running"}, limit=60)
    clock = app_context.served.clock
    assert isinstance(clock, TurnedClock)
    clock.turn(timedelta(hours=7))  # what was found is looked up again after six hours
    app_context.app_context.backends._opened.clear()
    only(cloud, [each for each in HOSTS if "experiments" not in each])
    second = job(app_context, client, "again")
    app_context.until(lambda: client.get(second).json()["status"] in {"queued", "running", "failed"}, limit=60)
    assert client.get(second).json()["status"] in {"queued", "running"}
    assert len(app_context.served.project.jobs) == 2
    assert any("experiments" in each for each in cloud.refused)
    cloud.refused.clear()
