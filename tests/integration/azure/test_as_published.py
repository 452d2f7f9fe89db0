"""What Azure's own material shows, met by REST: addresses that lead away, errors in levels, weather, strange types.

Bodies are those of `tests/support/azure/official`, or written after the source that is named beside them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import STRANGER, Certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.foundry import load_packages
from tests.support.azure.house import AzureHouse
from tests.support.azure.official import official
from tests.support.azure.recorded_job import recorded_job, turn
from tests.support.azure.roles import CONTRIBUTOR
from tests.support.azure.seed import GROUP, HUB
from tests.support.azure.served import BASE, served_cloud
from tests.support.azure.state import SUBSCRIPTION
from tests.support.azure.wire import AnyJson, Json
from tests.support.clock import TurnedClock
from tests.support.door import client_of, key, rest_app
from tests.support.spending import ACCEPTED

API = "/api/v1"
ENDPOINT = r"/serverlessEndpoints/dep-"
JOB = r"/jobs/job-[^/]+$"


@pytest.fixture
def house(azure_certificates: Certificates, azurite: Azurite, tmp_path: Path) -> Iterator[AzureHouse]:
    load_packages()
    clock = TurnedClock()
    with served_cloud(azure_certificates, tmp_path / "cloud", clock, azurite=azurite) as served:
        made = AzureHouse(tmp_path / "house", served)
        for each in (clock, made.clock):
            each.turn(served.cloud.clock.now() - each.now())
        yield made
        made.close()


@pytest.fixture
def cloud(house: AzureHouse) -> AzureCloud:
    return house.served.cloud


@pytest.fixture
def client(house: AzureHouse) -> Iterator[TestClient]:
    with client_of(rest_app(house)) as made:
        yield made


def submitted(house: AzureHouse, client: TestClient, base: str = f"{BASE}:1") -> str:
    """Ask for a training; return its address."""
    body = {
        "project": house.only_project(), "connection": house.connection.id, "base_model": base, "name": "triage",
        "training_dataset": house.dataset(30).id, "validation": {"kind": "none"}, **ACCEPTED,
    }  # fmt: skip
    return f"{API}/jobs/{client.post(f'{API}/jobs', json=body, headers=key('job')).json()['id']}"


def deployed(house: AzureHouse, client: TestClient) -> str:
    """Ask for a deployment of a tuned model; return its address."""
    body = {"target": {"model": house.tuned().id}, "expires_after_idle_s": 0, **ACCEPTED}
    return f"{API}/deployments/{client.post(f'{API}/deployments', json=body, headers=key('dep')).json()['id']}"


def after(house: AzureHouse, client: TestClient, address: str, turns: int, seconds: float = 15) -> dict[str, Any]:
    """Let time pass, and return what REST says of a thing then."""
    for _ in range(turns):
        turn(house, seconds)
    found: dict[str, Any] = client.get(address).json()
    return found


def words(shown: dict[str, Any]) -> str:
    return f"{shown.get('note')} {shown.get('message')}"


# -- tokens ------------------------------------------------------------------------------------------------------------
def _plane(body: Json) -> Json:
    return {**body, "primaryRegionResourceProviderUri": f"https://{STRANGER}/"}


def _training(house: AzureHouse, client: TestClient) -> str:
    return words(after(house, client, submitted(house, client, BASE), 6))


def _orphans(house: AzureHouse, client: TestClient) -> str:
    return client.get(f"{API}/connections/{house.connection.id}/orphans").text


def _doctor(house: AzureHouse, client: TestClient) -> str:
    return client.post(f"{API}/connections/{house.connection.id}/doctor").text


@pytest.mark.parametrize(
    ("where", "kind", "details", "asked"),
    [
        (r"/registries/azureml/discovery$", "changed", {"change": _plane}, _training),
        (r"/models$", "changed", {"change": lambda body: {**body, "nextLink": f"https://{STRANGER}/n"}}, _orphans),
        (r"/workspaces/proj1$", "answer", {"status": 307, "headers": {"Location": f"https://{STRANGER}/x"}}, _doctor),
    ],
    ids=["registry", "nextLink", "redirect"],
)
def test_nothing_is_sent_to_a_host_that_is_none_of_azures(
    house: AzureHouse, client: TestClient, cloud: AzureCloud, where: str, kind: str, details: dict[str, Any],
    asked: Callable[[AzureHouse, TestClient], str],
) -> None:  # fmt: skip
    cloud.take_strangers()
    cloud.faults.add(("GET", where), kind, times=99, **details)
    said = asked(house, client)
    assert cloud.strangers == [], "it was asked, with whatever was sent along"
    assert STRANGER in said


# -- errors ------------------------------------------------------------------------------------------------------------
def test_a_refusal_is_read_whole_and_its_innermost_code_decides(
    house: AzureHouse, client: TestClient, cloud: AzureCloud
) -> None:
    """The recorded refusal of a job (official/error-job-request-invalid.json), two levels deeper."""
    body = official("error-job-request-invalid")
    inner = next(each for each in body["error"]["additionalInfo"] if each["type"] == "InnerError")
    inner["info"]["value"]["innerError"] = {"code": "BadArgument", "innerError": {"code": "OutOfQuota"}}
    cloud.faults.add(("PUT", JOB), "answer", times=99, status=400, body=body)
    seen = after(house, client, submitted(house, client), 8)
    assert (seen["status"], seen["reason"]) == ("failed", "quota")
    for part in ("Could not find member 'assetVersion'", "RequestInvalid / BadArgument / OutOfQuota", "(request "):
        assert part in seen["message"]


def test_the_history_s_pattern_and_its_parameters_are_one_sentence(
    house: AzureHouse, client: TestClient, cloud: AzureCloud
) -> None:
    """Members as `RootError` of azure-ai-ml's client of the run history has them."""
    error = {
        "code": "UserError", "message": "", "messageFormat": "{what} is used up in {region}.",
        "messageParameters": {"what": "The quota of NC24ads_A100_v4", "region": "eastus2"},
        "innerError": {"code": "BadArgument", "innerError": {"code": "OutOfQuota", "innerError": None}},
        "debugInfo": {"type": "System.Exception", "message": "Asked for 24 cores."},
    }  # fmt: skip
    report = {"error": error, "correlation": {"operation": "op-7", "request": "req-7"}, "time": None}
    job = recorded_job(house)
    job.remote.fail("UserError", "", cloud.clock.now())
    cloud.faults.add(("GET", r"/details$"), "changed", times=99, change=lambda body: {**body, "error": report})
    seen = after(house, client, f"{API}/jobs/{job.id}", 4)
    assert (seen["status"], seen["reason"]) == ("failed", "quota")
    for part in ("The quota of NC24ads_A100_v4 is used up in eastus2.", "Asked for 24 cores.", "req-7"):
        assert part in seen["message"]


# -- regions -----------------------------------------------------------------------------------------------------------
def test_azure_decides_where_a_tuned_model_is_served(house: AzureHouse, client: TestClient, cloud: AzureCloud) -> None:
    """A region in which no list has the model trained."""
    house.served.project.location = "swedencentral"
    cloud.catalog.models[:] = [replace(each, deploy_regions=("swedencentral",)) for each in cloud.catalog.models]
    seen = after(house, client, deployed(house, client), 12)
    assert seen["status"] == "ready", words(seen)


# -- weather -----------------------------------------------------------------------------------------------------------
def test_a_pause_says_of_what_nothing_is_left(house: AzureHouse, client: TestClient, cloud: AzureCloud) -> None:
    """The names are those of the recordings (online_services, test_online_endpoint_mir_e2e)."""
    job = recorded_job(house)
    left = {"x-ms-ratelimit-remaining-subscription-reads": "0", "x-ms-ratelimit-remaining-tenant-reads": "11999"}
    cloud.faults.add(("GET", JOB), "429", times=3, headers=left)
    seen = after(house, client, f"{API}/jobs/{job.id}", 1)
    assert "Nothing is left of: subscription-reads." in words(seen)
    assert after(house, client, f"{API}/jobs/{job.id}", 12)["progress"]["step"]


def test_an_accepted_submit_without_a_body_is_one_job(house: AzureHouse, client: TestClient, cloud: AzureCloud) -> None:
    cloud.faults.add(("PUT", JOB), "changed", change=lambda _body: None, headers={"Content-Type": "text/plain"})
    address = submitted(house, client)
    seen = after(house, client, address, 16, seconds=60)
    assert seen["status"] == "succeeded", words(seen)
    assert len([each for each in cloud.ledger.entries if each.verb == "submit"]) == 1


def test_what_is_not_listed_for_a_minute_after_its_put_is_not_made_again(
    house: AzureHouse, client: TestClient, cloud: AzureCloud
) -> None:
    address = deployed(house, client)
    cloud.faults.add(("GET", ENDPOINT), "404", times=6, skip=1)
    seen = after(house, client, address, 4, seconds=10)
    assert seen["status"] == "creating", words(seen)
    assert after(house, client, address, 20, seconds=10)["status"] == "ready"
    puts = [each for each in cloud.requests if each.method == "PUT" and "/serverlessEndpoints/" in each.path]
    assert len(puts) == 1
    assert "made again" not in client.get(f"{address}/events").text


def test_what_was_changed_meanwhile_is_tried_again(house: AzureHouse, client: TestClient, cloud: AzureCloud) -> None:
    body = {"error": {"code": "PreconditionFailed", "message": "The condition given was not met."}}
    cloud.faults.add(("PUT", ENDPOINT), "answer", status=412, body=body)
    seen = after(house, client, deployed(house, client), 14)
    assert seen["status"] == "ready", words(seen)


def test_a_version_that_is_not_spoken_is_replaced_by_one_that_is(
    house: AzureHouse, client: TestClient, cloud: AzureCloud
) -> None:
    """As Resource Manager words it: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting."""
    message = (
        "No registered resource provider found for location 'eastus2' and API version '2024-10-01' for type"
        " 'workspaces/serverlessEndpoints'. The supported api-versions are '2023-04-01, 2025-04-01, 2026-05-01'."
    )
    body = {"error": {"code": "NoRegisteredProviderFound", "message": message}}
    cloud.faults.add(("*", ENDPOINT), "answer", status=400, body=body)
    seen = after(house, client, deployed(house, client), 14)
    assert seen["status"] == "ready", words(seen)


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        # https://learn.microsoft.com/azure/machine-learning/concept-soft-delete
        ("Conflict", "Soft-deleted workspace exists. Purge or recover it. https://aka.ms/wsoftdelete", "still keeps"),
        # https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
        ("InvalidResourceLocation", "The resource 'proj-2' already exists in location 'westus'.", "in another region"),
    ],
)
def test_why_a_name_cannot_be_had_is_said(
    house: AzureHouse, client: TestClient, cloud: AzureCloud, code: str, message: str, said: str
) -> None:
    cloud.seed.grant(CONTRIBUTOR)
    body = {"error": {"code": code, "message": message}}
    cloud.faults.add(("PUT", r"/workspaces/proj-2$"), "answer", times=9, status=409, body=body)
    request = {"subscription": SUBSCRIPTION, "resource_group": GROUP, "name": "proj-2", "hub": HUB}
    address = f"{API}/connections/{house.connection.id}/projects"
    refused = client.post(address, json=request, headers=key("proj-2"))
    assert refused.status_code >= 400
    assert said in refused.text
    assert message in refused.text


@pytest.mark.parametrize("hours", [-30, 30])
def test_times_of_another_clock_are_kept_and_are_no_trap(
    house: AzureHouse, client: TestClient, cloud: AzureCloud, hours: int
) -> None:
    """Before our own job was, or tomorrow; seven digits, as recorded (official/job-finetuning-maap.json)."""
    stamp = f"{cloud.clock.now() + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}.0545511+00:00"
    job = recorded_job(house)
    cloud.faults.add(
        ("GET", JOB), "changed", times=999, change=lambda body: {**body, "systemData": {"createdAt": stamp}}
    )
    cloud.faults.add(
        ("GET", r"/details$"), "changed", times=999,
        change=lambda body: {**body, "startTimeUtc": stamp, "endTimeUtc": body.get("endTimeUtc") and stamp},
    )  # fmt: skip
    seen = after(house, client, f"{API}/jobs/{job.id}", 8, seconds=120)
    assert (seen["status"], seen["fine_tuned_model"] is not None) == ("succeeded", True), words(seen)


# -- types and members -------------------------------------------------------------------------------------------------
def _of_unknown_type(job: Json) -> Json:
    strange: Json = {"jobType": "Quantum", "fineTuningDetails": None, "resources": "many", "tags": None, "outputs": []}
    return {**job, "properties": {**job["properties"], **strange}}


def _left_out(job: Json) -> Json:
    return {**job, "properties": None}


@pytest.mark.parametrize("strange", [_of_unknown_type, _left_out])
def test_a_job_of_an_unknown_type_hides_no_other(
    house: AzureHouse, client: TestClient, cloud: AzureCloud, strange: Callable[[Json], Json]
) -> None:
    """azure-ai-ml 1.35.2 raises at the first job of a list that it cannot read, and so tells none of them."""
    jobs = [recorded_job(house, name=f"triage-{number}") for number in range(4)]

    def first_of(body: AnyJson) -> AnyJson:
        first, *rest = body["value"]
        return {**body, "value": [strange(first), *rest]}

    cloud.faults.add(("GET", r"/jobs$"), "changed", times=99, change=first_of)
    for _ in range(4):
        turn(house, 30)
    assert {client.get(f"{API}/jobs/{job.id}").json()["status"] for job in jobs} == {"running"}
    found = client.get(f"{API}/connections/{house.connection.id}/orphans")
    assert found.status_code == 200, found.text
    named = {each["key"] for part in ("orphans", "known", "foreign") for each in found.json()[part]}
    assert len({f"job:{job.remote.name}" for job in jobs} & named) >= 3


def test_what_azure_ai_ml_does_not_send_is_sent(house: AzureHouse, client: TestClient, cloud: AzureCloud) -> None:
    """Its ServerlessEndpoint loses auth mode and properties on the way; this is what leaves here."""
    assert after(house, client, deployed(house, client), 12)["status"] == "ready"
    body = next(each.body for each in cloud.requests if each.method == "PUT" and "/serverlessEndpoints/" in each.path)
    assert isinstance(body, dict)
    assert body["properties"]["authMode"] == "Key"
    assert body["properties"]["contentSafety"] == {"contentSafetyStatus": "Enabled"}
