"""A training under way whose body Microsoft has recorded; what the cloud makes of it is the test's choice."""

from dataclasses import dataclass

from app.domain.jobs import FineTuningJob, JobParts, JobSpec, JobStatus
from app.store import jobs as job_store
from tests.support.azure.house import AzureHouse
from tests.support.azure.jobs_state import MANAGED_STAGES, Job
from tests.support.azure.official import official
from tests.support.azure.served import INSTALLATION, MANAGED
from tests.support.clock import TurnedClock


@dataclass(frozen=True)
class RecordedJob:
    """A job of the house's, and the cloud's side of it."""

    house: AzureHouse
    id: str
    remote: Job

    @property
    def asset(self) -> str:
        """The model's name that it asked for."""
        name: str = self.remote.body["properties"]["outputs"]["registered_model"]["assetName"]
        return name

    def pass_by(self, seconds: float, *, step: float = 300.0) -> None:
        """Let time pass for the house, the connection and the cloud, turn by turn."""
        for _ in range(max(1, round(seconds / step))):
            turn(self.house, step)


def turn(house: AzureHouse, seconds: float) -> None:
    """Let time pass once, and turn the engine; the connection's clock goes by the cloud's."""
    clock = house.served.clock
    assert isinstance(clock, TurnedClock)
    house.tick(seconds)
    clock.turn(house.served.cloud.clock.now() - clock.now())


def recorded_job(house: AzureHouse, *, name: str = "triage", base: str = MANAGED) -> RecordedJob:
    """Record a running job, and let the cloud have it as the recording shows it: `Running` at once, nulls and all."""
    rows, cloud = house.dataset(), house.served.cloud
    turn(house, 0.01)
    with house.open() as scope:
        spec = JobSpec(
            project=house.only_project(), connection=house.connection.id, base_model=base, name=name,
            training_dataset=rows.id,
        )  # fmt: skip
        now, identifier = scope.now(), scope.new_id("job")
        remote_id = identifier.replace("_", "-")
        job = FineTuningJob(
            id=identifier, spec=spec, status=JobStatus.RUNNING, parts=JobParts(training=rows.id), remote_id=remote_id,
            created_at=now, changed_at=now, started_at=now,
        )  # fmt: skip
        job_store.add(scope.write, job, due_at=scope.due_now())
    properties = official("job-finetuning-maap")["properties"]
    properties["tags"] |= {"tunedesk": identifier, "tunedesk-installation": INSTALLATION}
    kept = {key: value for key, value in properties.items() if key not in {"status", "services"}}
    remote = Job(remote_id, {"properties": kept}, cloud.clock.now(), cloud.state.pace.stages, MANAGED_STAGES)
    remote.pipeline, remote.rows = True, rows.rows or 20
    remote.advance_to("Running")
    remote.started = remote.entered = cloud.clock.now()
    house.served.project.jobs[remote_id] = remote
    return RecordedJob(house, identifier, remote)
