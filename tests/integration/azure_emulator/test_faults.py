"""Faults on request: each is met as it was scripted, and the ledger knows what was accepted all the same."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.azure.arm_client import JOBS, WORKSPACES, ArmClient
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.faults import KINDS
from tests.support.azure.wire import AnyJson

JOB = r"management\.azure\.com/.*/jobs/job-1$"


@pytest.fixture
def arm(cloud: AzureCloud) -> Iterator[ArmClient]:
    with ArmClient(cloud) as made:
        yield made


def submit(arm: ArmClient) -> httpx.Response:
    return arm.submit("job-1", arm.job("azureml://datastores/workspaceblobstore/paths/x.jsonl"))


@pytest.mark.parametrize("kind", ["401", "403", "404", "409", "429", "500", "502", "503", "504", "expired-token"])
def test_a_refusal_is_met_once_and_nothing_was_accepted(cloud: AzureCloud, arm: ArmClient, kind: str) -> None:
    cloud.faults.add(("PUT", JOB), kind)
    answer = submit(arm)
    assert answer.status_code == (401 if kind == "expired-token" else int(kind))
    assert answer.json()["error"]["code"]
    assert answer.headers["x-ms-request-id"]
    assert cloud.ledger.submitted("job-1") == []
    assert submit(arm).status_code == 201
    assert len(cloud.ledger.submitted("job-1")) == 1


def test_a_refusal_after_it_was_accepted(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.faults.add(("PUT", JOB), "503", accepted=True)
    assert submit(arm).status_code == 503
    assert len(cloud.ledger.submitted("job-1")) == 1


@pytest.mark.parametrize(
    ("wait", "headers"),
    [
        (7, {"retry-after": "7"}),
        ("absurd", {"retry-after": "999999999"}),
        ("ms", {"x-ms-retry-after-ms": "1500"}),
        (None, {}),
    ],
)
def test_a_429_says_how_long_to_wait(cloud: AzureCloud, arm: ArmClient, wait: AnyJson, headers: dict[str, str]) -> None:
    cloud.faults.add(("*", JOB), "429", retry_after=wait)
    answer = submit(arm)
    found = {name: value for name, value in answer.headers.items() if "retry-after" in name}
    assert (answer.status_code, found) == (429, headers)


def test_a_429_with_a_date(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.faults.add(("*", JOB), "429", retry_after="date")
    assert submit(arm).headers["retry-after"].endswith("GMT")


@pytest.mark.parametrize(
    ("kind", "submitted"),
    [("timeout-before", 0), ("timeout-after", 1), ("reset", 0), ("reset-after", 1), ("half-body", 1)],
)
def test_an_answer_that_never_comes(cloud: AzureCloud, arm: ArmClient, kind: str, submitted: int) -> None:
    cloud.faults.add(("PUT", JOB), kind, seconds=0.1)
    with pytest.raises(httpx.TransportError):
        submit(arm)
    assert len(cloud.ledger.submitted("job-1")) == submitted
    assert submit(arm).is_success
    assert len(cloud.ledger.submitted("job-1")) == 1, "the same job under the same name is no second one"


def test_a_page_of_somebody_s_proxy(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.faults.add(("PUT", JOB), "html")
    answer = submit(arm)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert b"Corporate proxy" in answer.content
    assert cloud.ledger.submitted() == []


def test_a_status_that_nobody_knows(cloud: AzureCloud, arm: ArmClient) -> None:
    submit(arm)
    cloud.faults.add(("GET", JOB), "unknown-status", word="Hibernating")
    assert [arm.status("job-1") for _ in range(2)] == ["Hibernating", "NotStarted"]


def test_events_out_of_order(cloud: AzureCloud, arm: ArmClient) -> None:
    arm.trained()
    url = f"https://eastus2.api.azureml.ms/history/v1.0{arm.project.id}/runs/job-1/events"
    ordered = [one["timestamp"] for one in arm.call("GET", url).json()["value"]]
    cloud.faults.add(("GET", "/events$"), "unordered")
    mixed = [one["timestamp"] for one in arm.call("GET", url).json()["value"]]
    assert ordered == sorted(ordered)
    assert (mixed != ordered, sorted(mixed)) == (True, ordered)


def test_a_slow_answer_is_the_right_one(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.faults.add(("GET", "workspaces/proj1$"), "slow", seconds=0.05)
    assert arm.call("GET", arm.project.id, WORKSPACES).json()["name"] == "proj1"
    assert cloud.faults.met == [("slow", "GET", arm.project.id)]


def test_a_fault_waits_for_its_turn(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.faults.add(("GET", JOB), "500", times=2, skip=1)
    submit(arm)
    found = [arm.call("GET", "jobs/job-1", JOBS).status_code for _ in range(4)]
    assert found == [200, 500, 500, 200]


def test_blobs_and_sign_in_meet_faults_too(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.faults.add(("POST", "login.microsoftonline.com/.*/token$"), "503")
    url = f"https://login.microsoftonline.com/{cloud.tenant}/oauth2/v2.0/token"
    assert arm.call("POST", url, None, {}, headers={}).status_code == 503


def test_an_unknown_kind_is_refused(cloud: AzureCloud) -> None:
    with pytest.raises(ValueError, match="no fault is called"):
        cloud.faults.add(("*", "."), "418")
    assert len(KINDS) >= 15


def test_an_unexpected_host_is_refused_and_written_down(cloud: AzureCloud) -> None:
    with httpx.Client(proxy=cloud.proxy_url, trust_env=False) as client:
        with pytest.raises(httpx.ProxyError):
            client.get("https://example.com/")
        with pytest.raises(httpx.ProxyError):
            client.get("https://management.azure.com.example.com/")
    assert cloud.refused == ["example.com:443", "management.azure.com.example.com:443"]
    cloud.refused.clear()
