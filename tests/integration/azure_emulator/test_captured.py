"""Outside the published types: the captured kinds of request are answered, and a strange one is told."""

import dataclasses

import pytest

from tests.support.azure.arm_client import ArmClient
from tests.support.azure.captured import BEYOND, check_shapes, shapes
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.planted_jobs import submit
from tests.support.azure.wire import Seen


def seen(cloud: AzureCloud) -> Seen:
    """Make one request to the run history and return its record."""
    with ArmClient(cloud) as arm:
        submit(arm)
        url = f"https://eastus2.api.azureml.ms/history/v1.0{arm.project.id}/runs/job-1/details"
        arm.call("GET", url, "v1.0").raise_for_status()
    return cloud.requests[-1]


def test_a_captured_kind_fits(cloud: AzureCloud) -> None:
    assert check_shapes([seen(cloud)]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/history/v1.0/runs/job-1/details"},
        {"query": {"apiversion": "v1.0"}},
        {"body": {"runId": "job-1"}},
        {"host": "api.azureml.ms.example.com"},
    ],
)
def test_a_strange_request_is_reported(cloud: AzureCloud, change: dict[str, object]) -> None:
    strange = dataclasses.replace(seen(cloud), **change)  # type: ignore[arg-type]  # one member of any type
    assert len(check_shapes([strange])) == 1


def test_every_addition_has_its_reason() -> None:
    assert all(one.reason for one in BEYOND)
    assert len(shapes()) - len(BEYOND) >= 8, "kinds that were captured"
