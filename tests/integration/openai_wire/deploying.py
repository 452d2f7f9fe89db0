"""Steps of tests that deploy at Azure's emulated planes."""

from typing import cast

from app.domain.deployments import Deployment, DeploymentStatus
from app.domain.jobs import FineTuningJob, JobStatus
from app.services import deployments
from tests.support.openai_plane.azure import AzurePlane
from tests.support.openai_plane.house import WireHouse
from tests.support.spending import ANYTHING


def plane(house: WireHouse) -> AzurePlane:
    return cast("AzurePlane", house.plane)


def tuned(house: WireHouse) -> FineTuningJob:
    job = house.until(house.job().id)
    assert job.status is JobStatus.SUCCEEDED, job.message
    return job


def deploy(house: WireHouse, job: FineTuningJob, **options: object) -> str:
    with house.open() as scope:
        made = deployments.create(
            scope, target={"model": str(job.fine_tuned_model)}, options=options, accepted=ANYTHING
        )
    return made.id


def until(house: WireHouse, identifier: str, *statuses: DeploymentStatus, every: float = 15.0) -> Deployment:
    for _ in range(100):
        with house.open() as scope:
            seen = deployments.get(scope, identifier)
        if seen.status in statuses:
            return seen
        house.tick(every=every)
    raise AssertionError(f"{seen} never became {statuses}")
