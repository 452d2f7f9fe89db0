"""Why an accepted creation failed is what its operation says, and nothing is said that was not read."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.backend import Rejected, Unavailable
from app.domain.deployments import DeploymentStatus as Status
from tests.support.azure.certificates import Certificates
from tests.support.azure.house import AzureHouse
from tests.support.azure.served import BASE, MANAGED, ServedCloud, served_cloud
from tests.support.azure.wire import AzureError, Json, Reply
from tests.support.clock import TurnedClock
from tests.support.door import client_of, key, rest_app
from tests.support.spending import ACCEPTED

API = "/api/v1"
PARTNER = "serverless:azureml-mistral/Ministral-3B"
DEEP = "OutOfMemoryInSkuSelected"


class FrontEndError(AzureError):
    """A failure as the workspace's front end words it: the telling code in `additionalInfo`, three levels down.

    The form is that of `official/error-job-request-invalid.json`.
    """

    def reply(self) -> Reply:
        inner: Json = {"code": "BadArgument", "innerError": {"code": "Serving", "innerError": {"code": DEEP}}}
        info = [{"type": "InnerError", "info": {"value": inner}}]
        detail: Json = {"code": "ImageBuildFailed", "message": "The image could not be pulled.", "details": []}
        error = {"code": self.code, "message": self.message, "details": [detail], "additionalInfo": info}
        return Reply(self.status, {"error": error})


@pytest.fixture
def served(azure_certificates: Certificates, tmp_path: Path) -> Iterator[ServedCloud]:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as made:
        yield made


def fails(served: ServedCloud) -> None:
    """Let the next creation fail."""
    served.cloud.state.fail_operation = FrontEndError(400, "BadRequest", "It was not made.")


def assert_reason(message: str) -> None:
    for words in ("It was not made.", "ImageBuildFailed", "The image could not be pulled.", DEEP):
        assert words in message


@pytest.mark.parametrize("started_anew", [False, True])
@pytest.mark.parametrize("header", ["Azure-AsyncOperation", "Location"])
def test_a_serverless_endpoint(served: ServedCloud, header: str, *, started_anew: bool) -> None:
    """By either header, and by a server that has been started since, which finds what it noted."""
    fails(served)
    drop: Any = {"Azure-AsyncOperation": "Location", "Location": "Azure-AsyncOperation"}[header]
    served.cloud.faults.add(("PUT", r"/serverlessEndpoints/dep-1$"), "changed", headers={drop: ""})
    request = served.deploy()
    if started_anew:
        served.backend = served.made()
    assert_reason(served.until(request, Status.FAILED).message)


@pytest.mark.parametrize("base", [BASE, f"{MANAGED}:13", PARTNER], ids=["serverless", "machines", "marketplace"])
def test_by_rest_the_deployment_says_why(azure_certificates: Certificates, tmp_path: Path, base: str) -> None:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as served:
        house = AzureHouse(tmp_path / "house", served)
        with client_of(rest_app(house)) as client:
            fails(served)
            body = {"target": {"connection": house.connection.id, "base_model": base}, **ACCEPTED}
            made = client.post(f"{API}/deployments", json=body, headers=key("one")).json()
            for _ in range(30):
                house.tick()
            seen = client.get(f"{API}/deployments/{made['id']}").json()
            assert seen["status"] == "failed", seen
            assert_reason(seen["message"])
        house.close()


@pytest.mark.parametrize("step", ["endpoint", "deployment"])
@pytest.mark.parametrize("started_anew", [False, True])
def test_managed_machines(served: ServedCloud, step: str, *, started_anew: bool) -> None:
    request = served.deploy("dep-2", base=f"{MANAGED}:13")
    if step == "deployment":
        for _ in range(5):
            served.cloud.clock.turn(30)
            if served.backend.observe_deployment("dep-2").unfinished:
                break
    fails(served)
    seen = served.until(request, Status.FAILED) if not started_anew else _anew(served, request)
    assert_reason(seen.message)
    assert "machines" not in seen.message, "nobody has read that it was the machines"


def _anew(served: ServedCloud, request: Any) -> Any:  # noqa: ANN401 -- a request, and what is seen of it
    """Let it fail, and look at it with nothing but what Azure has."""
    served.until(request, Status.FAILED)
    for each in served.backend.cache.glob("azure-operations-*"):
        each.unlink()
    online = next(iter(served.project.online.values()))
    for one in (online, *online.children.values()):
        position = f"https://management.azure.com/subscriptions/{served.project.subscription}/providers"
        address = f"{position}/Microsoft.MachineLearningServices/locations/eastus2/mfeOperationsStatus/{one.operation}"
        noted = {"AzureAsyncOperationUri": f"{address}?api-version=2022-02-01-preview"}
        one.body = {**one.body, "properties": {**one.properties, "properties": noted}}
    return served.made().observe_deployment(request.tag)


def test_a_marketplace_subscription(served: ServedCloud) -> None:
    """Its state is in provisioningState, where it has no word of its own."""
    fails(served)
    with pytest.raises(Unavailable, match="is being set up"):
        served.deploy(base=PARTNER)
    served.cloud.operations.finish_all()
    with pytest.raises(Rejected) as refused:
        served.deploy(base=PARTNER)
    assert_reason(refused.value.detail)
    assert served.project.serverless == {}


def test_what_no_operation_tells_is_not_made_up(served: ServedCloud) -> None:
    fails(served)
    request = served.deploy()
    served.cloud.faults.add(("GET", r"/mfeOperation"), "404", times=99)
    message = served.until(request, Status.FAILED).message
    assert message.startswith("Azure could not create the endpoint. Its operation tells no reason (any more).")


@pytest.mark.parametrize(
    ("state", "word", "expected"),
    [
        ("Succeeded", None, Status.READY),
        ("Failed", None, Status.FAILED),
        ("Updating", None, Status.CREATING),
        ("Deleting", None, Status.DELETING),
        ("Suspended", "Hibernating", Status.PENDING),
        (None, None, Status.PENDING),
        ("succeeded", "online", Status.READY),
        ("Failed", "Online", Status.READY),
    ],
)
def test_provisioning_counts_where_there_is_no_word(
    served: ServedCloud, state: str | None, word: str | None, expected: Status
) -> None:
    """The members as the specification's example has them (serverless-endpoint-put.json), nulls and all."""
    properties = {"provisioningState": state, "endpointState": word, "authMode": "Key", "inferenceEndpoint": None}
    seen = served.backend.serverless.observe({"name": "dep-1", "properties": properties, "location": "eastus2"})
    assert seen.status is expected
    if expected is Status.PENDING:
        assert (word or "does not say") in seen.message


def test_a_word_that_nobody_knows_moves_nothing(azure_certificates: Certificates, tmp_path: Path) -> None:
    """A deployment that serves goes on serving, and shows the word; nothing is made, billed or deleted for it."""
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as served:
        house = AzureHouse(tmp_path / "house", served)
        ready = house.ready(house.deploy(house.tuned(base=BASE)))
        before = len(served.cloud.ledger.entries)
        served.cloud.faults.add(("GET", r"/serverlessEndpoints/"), "unknown-status", times=99, word="Hibernating")
        for _ in range(20):
            house.tick(60)
        now = house.deployment(ready.id)
        assert (now.status, now.raw_status) == (Status.READY, "Hibernating")
        assert "'Hibernating', which this version of TuneDesk does not recognise" in now.note
        assert [each for each in served.cloud.ledger.entries[before:] if each.verb != "read-keys"] == []
        assert replace(now, note="").endpoint == ready.endpoint
        house.close()
