"""Azure's weather: pauses, empty answers, reads that lag, versions that nobody speaks, names that are taken, clocks."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from app.backends.azure_foundry.account.resources import WorkspaceAddress
from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.domain.backend import BackendError, DeploymentRequest, RateLimited, Rejected, RemoteJob
from app.domain.deployments import DeploymentStatus
from app.domain.jobs import JobStatus
from tests.contract.bench import job_over
from tests.support.azure.foundry import SERVERLESS, AzureBench
from tests.support.azure.roles import CONTRIBUTOR
from tests.support.azure.seed import GROUP, HUB, PROJECT
from tests.support.azure.state import SUBSCRIPTION

JOB = ("GET", r"/jobs/job-1$")
ENDPOINT = r"/serverlessEndpoints/dep-1$"


def serve(backend: AzureFoundryBackend) -> DeploymentRequest:
    request = DeploymentRequest(tag="dep-1", base_model=SERVERLESS, model=None, name="dep-1")
    backend.deploy(request)
    return request


@pytest.mark.parametrize(
    ("headers", "words", "wait"),
    [
        ({"Retry-After": "17"}, "", timedelta(seconds=17)),
        ({}, "", None),
        (
            {"x-ms-ratelimit-remaining-subscription-reads": "0", "x-ms-ratelimit-remaining-tenant-reads": "11999"},
            "Nothing is left of: subscription-reads.",
            None,
        ),
        (
            {"x-ms-ratelimit-remaining-subscription-global-reads": "0", "Retry-After": "3"},
            "subscription-global-reads",
            timedelta(seconds=3),
        ),
    ],
)
def test_a_pause_says_for_how_long_and_of_what(
    bench: AzureBench, headers: Mapping[str, str], words: str, wait: timedelta | None
) -> None:
    """The names of the limits are those of the recordings (online_services, test_online_endpoint_mir_e2e)."""
    bench.backend.submit(bench.request("job-1"))
    bench.cloud.faults.add(JOB, "429", headers=dict(headers))
    with pytest.raises(RateLimited) as refused:
        bench.backend.observe(RemoteJob("job-1"), since=None)
    assert words in refused.value.detail
    assert refused.value.retry_after == wait
    assert bench.backend.observe(RemoteJob("job-1"), since=None).status is JobStatus.QUEUED


@pytest.mark.parametrize("path", [r"/data/tunedesk-", ENDPOINT])
def test_an_acceptance_without_a_body_is_one(bench: AzureBench, path: str) -> None:
    bench.cloud.faults.add(("PUT", path), "changed", change=lambda _body: None, headers={"Content-Type": "text/plain"})
    assert bench.backend.upload(bench.training_rows, tag="job-1-training").ready
    request = serve(bench.backend)
    assert bench.backend.observe_deployment(request.tag).status is DeploymentStatus.CREATING


def test_an_endpoint_that_is_not_listed_for_a_minute_is_made_once(bench: AzureBench) -> None:
    """Its absence right after the PUT is no end, or it would be made again and again; later it is one."""
    request = serve(bench.backend)
    bench.cloud.faults.add(("GET", ENDPOINT), "404", times=6)
    for _ in range(6):
        seen = bench.backend.observe_deployment(request.tag)
        assert (seen.status, seen.gone) == (DeploymentStatus.CREATING, False)
        bench.cloud.clock.turn(10)
    bench.cloud.clock.turn(600)
    for _ in range(4):
        seen = bench.backend.observe_deployment(request.tag)
    assert seen.status is DeploymentStatus.READY, seen
    assert len([each for each in bench.cloud.requests if each.method == "PUT" and "dep-1" in each.path]) == 1
    bench.cloud.seed.project.serverless.clear()
    assert bench.backend.observe_deployment(request.tag).gone


def test_what_is_never_listed_is_gone_after_two_minutes(bench: AzureBench) -> None:
    request = serve(bench.backend)
    bench.cloud.seed.project.serverless.clear()
    assert not bench.backend.observe_deployment(request.tag).gone
    bench.cloud.clock.turn(121)
    assert bench.backend.observe_deployment(request.tag).gone


def not_spoken(*versions: str) -> dict[str, Any]:
    """Return the refusal of an api-version as Resource Manager words it."""
    message = (
        "No registered resource provider found for location 'eastus2' and API version '2024-10-01-preview' for type"
        f" 'workspaces'. The supported api-versions are '{', '.join(versions)}'. The supported locations are 'eastus2'."
    )
    return {"status": 400, "body": {"error": {"code": "NoRegisteredProviderFound", "message": message}}}


def test_another_version_that_is_spoken_and_known_is_taken_and_kept(bench: AzureBench) -> None:
    bench.backend.submit(bench.request("job-1"))
    refusal = not_spoken("2025-01-01-preview", "2024-01-01-preview", "2023-04-01", "2099-01-01")
    bench.cloud.faults.add(JOB, "answer", **refusal)
    for _ in range(2):
        assert bench.backend.observe(RemoteJob("job-1"), since=None).status is JobStatus.QUEUED
    asked = [each.api_version for each in bench.cloud.requests if each.method == "GET" and each.path.endswith("/job-1")]
    assert asked[-3:] == ["2024-10-01-preview", "2025-01-01-preview", "2025-01-01-preview"]


def test_versions_that_are_not_known_here_are_named(bench: AzureBench) -> None:
    bench.backend.submit(bench.request("job-1"))
    bench.cloud.faults.add(JOB, "answer", **not_spoken("2099-01-01", "2098-01-01"))
    with pytest.raises(Rejected, match="does not speak this version") as refused:
        bench.backend.observe(RemoteJob("job-1"), since=None)
    assert "It speaks 2099-01-01, 2098-01-01." in refused.value.fix


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        # https://learn.microsoft.com/azure/machine-learning/concept-soft-delete
        ("Conflict", "Soft-deleted workspace exists. Purge or recover it. https://aka.ms/wsoftdelete", "still keeps"),
        # https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
        ("InvalidResourceLocation", "The resource 'p2' already exists in location 'westus'.", "in another region"),
        ("StorageAccountAlreadyTaken", "The storage account named x is already taken.", "The name is taken"),
    ],
)
def test_a_name_that_cannot_be_had_is_said_with_its_reason(
    bench: AzureBench, code: str, message: str, words: str
) -> None:
    bench.cloud.seed.grant(CONTRIBUTOR)
    body = {"error": {"code": code, "message": message}}
    bench.cloud.faults.add(("PUT", r"/workspaces/p2$"), "answer", status=409, body=body)
    address = WorkspaceAddress(subscription=SUBSCRIPTION, resource_group=GROUP, name="p2")
    with pytest.raises(Rejected, match=words) as refused:
        bench.backend.make_project(address, hub=HUB)
    assert message in refused.value.detail
    assert refused.value.fix


def test_a_project_that_was_deleted_softly_pauses_and_loses_no_job(bench: AzureBench) -> None:
    """It answers as one that is not there, in the words of the recording official/error-404-workspace.json."""
    bench.backend.submit(bench.request("job-1"))
    message = (
        f"The Resource 'Microsoft.MachineLearningServices/workspaces/{PROJECT}' under resource group '{GROUP}' was not"
        " found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    body = {"error": {"code": "ResourceNotFound", "message": message}}
    bench.cloud.faults.add(JOB, "answer", status=404, body=body)
    with pytest.raises(BackendError) as refused:
        bench.backend.observe(RemoteJob("job-1"), since=None)
    assert refused.value.detail.startswith("The project is not there")


@pytest.mark.parametrize("hours", [-1, 1])
def test_times_of_another_clock_are_no_trap(bench: AzureBench, hours: int) -> None:
    """Created before our own job was, or tomorrow: seven digits, as recorded (job-finetuning-maap.json)."""
    bench.backend.submit(bench.request("job-1"))
    moment = bench.cloud.clock.now() + timedelta(hours=hours)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.0545511+00:00"
    bench.cloud.faults.add(JOB, "changed", times=999, change=lambda body: {**body, "systemData": {"createdAt": stamp}})
    bench.cloud.faults.add(
        ("GET", r"/details$"), "changed", times=999,
        change=lambda body: {**body, "startTimeUtc": stamp, "endTimeUtc": body.get("endTimeUtc") and stamp},
    )  # fmt: skip
    seen = bench.backend.observe(RemoteJob("job-1"), since=None)
    created = next(each for each in seen.events if each.id == "created")
    assert created.at == replace_micro(moment)
    last = bench.until(lambda: bench.backend.observe(RemoteJob("job-1"), since=None), job_over)
    assert last.status is JobStatus.SUCCEEDED


def replace_micro(moment: Any) -> Any:  # noqa: ANN401 -- a moment
    """Return a moment as the service writes it, in seven digits of which six are kept."""
    return moment.replace(microsecond=54_551)
