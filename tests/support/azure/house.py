"""A whole house with a connection to a cloud: services, engine and database are the product's own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.kind import AzureFoundryKind
from app.domain.connections import Connection
from app.domain.datasets import Dataset
from app.domain.deployments import Deployment, DeploymentStatus
from app.domain.jobs import FineTuningJob, JobParts, JobSpec, JobStatus
from app.domain.models import FineTunedModel
from app.engine.engine import Engine
from app.services import connections, datasets, deployments, models
from app.services.scope import Scope
from app.store import jobs as job_store
from app.store import models as model_store
from tests.support.app_context import TestHouse
from tests.support.azure.seed import SECRET
from tests.support.azure.served import BASE, INSTALLATION, ServedCloud, connection_settings
from tests.support.spending import ANYTHING


class AzureHouse(TestHouse):
    """The house with its engine in hand; the cloud's clock is turned with the house's own."""

    def __init__(self, folder: Path, served: ServedCloud) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.served = served
        kind = AzureFoundryKind(clock=served.clock, cache=folder / "cache", installation=lambda: INSTALLATION)
        super().__init__(folder, kinds=(kind,))
        settings = connection_settings(served.cloud.seed.app.app_id)
        with self.open() as scope:
            self.connection: Connection = connections.create(
                scope, backend=kind.profile.id, name="Foundry", settings=settings, secrets={"client_secret": SECRET}
            )
        self.engine = Engine(self.scopes)

    @property
    def azure(self) -> AzureFoundryBackend:
        """The backend that the house's connection leads to."""
        found = self.app_context.backends.of(self.connection)
        assert isinstance(found, AzureFoundryBackend)
        return found

    def tuned(self, name: str = "triage", *, base: str = BASE) -> FineTunedModel:
        """Record a job that has succeeded, with the model and the rows that it left at Azure."""
        rows = self.dataset()
        self.clock.turn(timedelta(milliseconds=5))
        with self.open() as scope:
            return record_tuned(scope, self.served, self.connection, self.only_project(), rows, name=name, base=base)

    def only_project(self) -> str:
        """Return the id of the house's one project, made when it is first asked for."""
        if not hasattr(self, "_project"):
            self._project = self.project()
        return self._project

    def deploy(self, model: FineTunedModel, **fields: object) -> Deployment:
        """Ask for a deployment of a model."""
        with self.open() as scope:
            return deployments.create(scope, target={"model": model.id}, accepted=ANYTHING, **fields)  # type: ignore[arg-type]

    def deployment(self, identifier: str) -> Deployment:
        """Return a deployment."""
        with self.open() as scope:
            return deployments.get(scope, identifier)

    def model(self, identifier: str) -> FineTunedModel:
        """Return a model."""
        with self.open() as scope:
            return models.get(scope, identifier)

    def tick(self, seconds: float = 15) -> None:
        """Turn both clocks, and the engine once."""
        self.clock.turn(timedelta(seconds=seconds))
        self.served.cloud.clock.turn(seconds)
        self.engine.tick()
        self.engine.tasks.wait()

    def until(self, done: Callable[[], bool], *, limit: int = 60) -> None:
        """Turn until something is so.

        Raises:
            AssertionError: it never is.
        """
        for _ in range(limit):
            if done():
                return
            self.tick()
        raise AssertionError("it never came to that")

    def ready(self, deployment: Deployment) -> Deployment:
        """Turn until a deployment is ready."""
        self.until(lambda: self.deployment(deployment.id).status is DeploymentStatus.READY)
        return replace(self.deployment(deployment.id))

    def close(self) -> None:
        """Close the database and the connections."""
        self.azure.azure.close()
        self.engine.tasks.close()
        self.database.close()


def record_tuned(
    scope: Scope, served: ServedCloud, connection: Connection, project: str, rows: Dataset, *, name: str,
    base: str = BASE,
) -> FineTunedModel:  # fmt: skip
    """Record a job that has succeeded on `rows`, with the model and the data asset that it left at Azure."""
    now, azure = scope.now(), scope.backends.of(connection)
    assert isinstance(azure, AzureFoundryBackend)
    spec = JobSpec(project=project, connection=connection.id, base_model=base, name=name, training_dataset=rows.id)
    job = FineTuningJob(
        id=scope.new_id("job"), spec=spec, status=JobStatus.SUCCEEDED, parts=JobParts(training=rows.id),
        remote_id=name, created_at=now, changed_at=now, ended_at=now,
    )  # fmt: skip
    model = FineTunedModel(
        id=scope.new_id("mdl"), name=name, job=job.id, project=project, connection=connection.id, base_model=base,
        remote_id=served.model(name, tag=job.id, owner=azure.azure.installation), created_at=now,
    )  # fmt: skip
    job_store.add(scope.write, replace(job, fine_tuned_model=model.id), due_at=scope.due_now())
    model_store.add(scope.write, model)
    asset = azure.training.uploads.name_of(datasets.canonical_of(scope, rows.sha256))
    served.data(asset, tag=f"{job.id}-training", owner=azure.azure.installation)
    return model
