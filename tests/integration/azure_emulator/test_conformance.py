"""Bodies and answers conform to Azure's published types – and the checker finds what does not."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.support.azure.arm_client import ASSETS, ENDPOINTS, JOBS, PHI_4, WORKSPACES, ArmClient
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.conformance import (
    EXEMPTIONS,
    NULLS,
    Null,
    check_traffic,
    findings_in,
    nulls_in,
    nulls_of,
    spec_folder,
)
from tests.support.azure.official import official, source
from tests.support.azure.planted import make_project
from tests.support.azure.planted_jobs import subscription


@pytest.fixture
def folder() -> Path:
    found = spec_folder()
    if found is None:
        pytest.skip("Azure's types are not here: set TUNEDESK_AZURE_SPEC, or lay shared/azure-spec beside the checkout")
    return found


VERSIONS = (
    "2023-04-01",
    "2023-04-01-preview",
    "2023-08-01-preview",
    "2024-01-01-preview",
    "2024-10-01",
    "2024-10-01-preview",
    "2025-01-01-preview",
    "2026-05-01",
)


def test_every_answer_conforms_at_every_version(cloud: AzureCloud, folder: Path) -> None:
    cloud.state.model_job = "null"
    with ArmClient(cloud) as arm:
        tuned = arm.trained()
        make_project(arm)
        arm.wait(subscription(arm))
        arm.deploy("ep1", tuned)
        online = {
            "location": "eastus2",
            "identity": {"type": "SystemAssigned"},
            "tags": {"tunedesk": "1"},
            "properties": {"authMode": "Key"},
        }
        arm.wait(arm.call("PUT", "onlineEndpoints/on1", "2024-10-01", online))
        size = "Standard_NC24ads_A100_v4"
        model = f"{arm.project.id}/models/tuned/versions/1"
        inner = {"endpointComputeType": "Managed", "model": model, "instanceType": size}
        deployment = {"location": "eastus2", "sku": {"name": "Default", "capacity": 1}, "properties": inner}
        arm.wait(arm.call("PUT", "onlineEndpoints/on1/deployments/blue", "2024-10-01", deployment))
        cluster = {
            "computeType": "AmlCompute",
            "properties": {"vmSize": size, "scaleSettings": {"maxNodeCount": 1, "minNodeCount": 0}},
        }
        arm.wait(arm.call("PUT", "computes/gpu", "2024-10-01", {"location": "eastus2", "properties": cluster}))
        paths = [
            "jobs",
            "jobs/job-1",
            "models",
            "models/tuned",
            "models/tuned/versions",
            "models/tuned/versions/1",
            "data",
        ]
        paths += [
            "data/job-1-data/versions/1",
            "datastores",
            "datastores/workspaceblobstore",
            "onlineEndpoints",
            "onlineEndpoints/on1",
        ]
        paths += [
            "onlineEndpoints/on1/deployments/blue",
            "computes/gpu",
            "serverlessEndpoints/ep1",
            "marketplaceSubscriptions/one",
        ]
        answered = 0
        for version in VERSIONS:
            for path in [*paths, arm.project.id, arm.cloud.seed.hub.id]:
                answered += arm.call("GET", path, version).is_success
    assert answered > 100
    assert "\n".join(check_traffic(cloud.requests, folder)) == ""
    assert nulls_of(cloud.requests) == {(one.kind, one.member) for one in NULLS}, "the emulator's deviations"


@pytest.mark.parametrize(
    ("kind", "version", "change", "finding"),
    [
        ("jobs", JOBS, {"jobtype": "FineTuning"}, "unknown member"),
        ("jobs", "2024-10-01", {}, "jobType 'FineTuning' not in"),
        ("jobs", JOBS, {"status": "Running"}, "read-only member sent"),
        ("jobs", JOBS, {"isArchived": "no"}, "expected boolean"),
        (
            "serverlessEndpoints",
            "2024-01-01-preview",
            {"contentSafety": {"contentSafetyStatus": "Enabled"}},
            "unknown member",
        ),
        ("serverlessEndpoints", ENDPOINTS, {"authMode": "AAD"}, "not in"),
        ("serverlessEndpoints", ENDPOINTS, {"authMode": None}, "missing required authMode"),
        ("serverlessEndpoint", ENDPOINTS, {}, "no resource type"),
        ("", WORKSPACES, {"publicNetworkAccess": "PublicNetworkAccessType.ENABLED"}, "not in"),
        ("models/versions", ASSETS, {"modelUri": 3}, "expected string"),
    ],
)
def test_the_checker_finds_a_planted_fault(
    cloud: AzureCloud, folder: Path, kind: str, version: str, change: dict[str, object], finding: str
) -> None:
    with ArmClient(cloud) as arm:
        bodies = {
            "jobs": arm.job("azureml://datastores/workspaceblobstore/paths/x.jsonl"),
            "": {"location": "eastus2", "properties": {}},
        }
        body = bodies.get(kind) or (arm.endpoint(PHI_4) if kind.startswith("serverless") else {"properties": {}})
    assert (
        kind.startswith("serverlessEndpoint")
        or findings_in(kind, JOBS if kind == "jobs" else version, body, answering=False, folder=folder) == []
    )
    body["properties"] = {**body["properties"], **change}
    found = findings_in(kind, version, body, answering=False, folder=folder)
    assert any(finding in one for one in found), found


@pytest.mark.parametrize("one", NULLS, ids=lambda one: f"{one.kind}{one.member}")
def test_each_null_is_that_of_an_official_body(one: Null) -> None:
    assert any(fnmatchcase(path, one.member) for path in nulls_in(official(one.official)))
    assert official(one.official).get("type", "").endswith(f"/workspaces/{one.kind}")
    assert "azure-sdk-assets" in source(one.official), "a recording of the service, no example"


def test_the_deviations_are_counted(folder: Path) -> None:
    """What the emulator answers or takes that the published types have not: each is of a recorded body."""
    assert (len(EXEMPTIONS), len(NULLS)) == (1, 13)
    recorded = official(EXEMPTIONS[0].official)
    assert findings_in("jobs", JOBS, recorded, answering=False, folder=folder) == []
    recorded["properties"]["fineTuningDetails"]["taskType"] = "TextCompletion"
    assert findings_in("jobs", JOBS, recorded, answering=False, folder=folder) == [], "it has nothing else"


def test_the_one_exemption_is_needed_and_has_its_reason(folder: Path) -> None:
    assert [one.kind for one in EXEMPTIONS] == ["jobs"]
    assert all(one.reason for one in EXEMPTIONS)
    model, data = {"jobInputType": "mlflow_model", "uri": "a"}, {"jobInputType": "uri_file", "uri": "b"}
    details = {"modelProvider": "Custom", "taskType": "chatCompletion", "model": model, "trainingData": data}
    outputs = {"registered_model": {"jobOutputType": "mlflow_model", "assetName": "tuned"}}
    body = {"properties": {"jobType": "FineTuning", "fineTuningDetails": details, "outputs": outputs}}
    assert findings_in("jobs", JOBS, body, answering=False, folder=folder) == []
    details["taskType"] = "Chatting"
    assert findings_in("jobs", JOBS, body, answering=False, folder=folder)
