"""A backend over a cloud in which trainings have ended: models to serve, ours and somebody else's."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.settings import AzureSettings, SignIn
from app.backends.azure_foundry.transport.names import owner_tags
from app.domain.backend import ChatChunk, ChatRequest, DeploymentObservation, DeploymentRequest
from app.domain.deployments import DeploymentStatus
from app.kit.clock import Clock
from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.seed import GROUP, LOCATION, PROJECT, SECRET
from tests.support.azure.state import SUBSCRIPTION, TENANT, Asset, Workspace

INSTALLATION, ANOTHER = "0a1b2c3d4e5f", "ffffffffffff"
BASE = "serverless:azureml/Phi-4-mini-instruct"
MANAGED = "managed:azureml/Phi-3-mini-4k-instruct"
_REGISTRY = "azureml://registries/azureml/models"


class ServedCloud:
    """A cloud, and a backend that signs in to it; `project` is the workspace they share."""

    def __init__(self, cloud: AzureCloud, clock: Clock) -> None:
        self.cloud = cloud
        self.cloud.state.pace.retry_after = 0.0
        self.clock = clock
        self.backend = self.made()

    @property
    def project(self) -> Workspace:
        """The project in which everything is."""
        return self.cloud.seed.project

    def made(self, *, installation: str = INSTALLATION) -> AzureFoundryBackend:
        """Return a backend as a process finds it that has just started."""
        return AzureFoundryBackend(
            AzureSettings(**connection_settings(self.cloud.seed.app.app_id)),  # type: ignore[arg-type]  # texts, and one of them is an enum
            {"client_secret": SECRET},
            clock=self.clock,
            cache=self.cloud.folder / "cache",
            installation=lambda: installation,
        )

    def model(self, name: str = "triage", *, tag: str = "job-1", owner: str | None = INSTALLATION) -> str:
        """Register a tuned model as a finished job does; `owner` None: a colleague's, without any mark."""
        tags = {} if owner is None else owner_tags(tag, owner)
        properties = {
            "modelType": "mlflow_model",
            "modelUri": f"azureml://jobs/{tag}/outputs/registered_model",
            "tags": tags,
            "properties": {"baseModelId": f"{_REGISTRY}/Phi-4-mini-instruct/versions/1"},
        }
        self.project.models.setdefault(name, {})["1"] = Asset("models", name, "1", properties, self.cloud.clock.now())
        return f"{name}:1"

    def data(
        self, name: str, *, tag: str = "job-1-training", owner: str | None = INSTALLATION, path: str | None = None
    ) -> str:
        """Register rows as an upload does, and lay the file under them; with `path`, only name one that is there."""
        tags = {} if owner is None else owner_tags(tag, owner)
        lies = path or f"LocalUpload/{hashlib.sha256(name.encode()).hexdigest()}/{name}.jsonl"
        if path is None:
            self.cloud.blobs.put(self.project.storage, lies, b"{}\n", asset=name)
        uri = f"azureml://datastores/workspaceblobstore/paths/{lies}"
        properties = {"dataType": "uri_file", "dataUri": uri, "tags": tags}
        self.project.data.setdefault(name, {})["1"] = Asset("data", name, "1", properties, self.cloud.clock.now())
        return f"{name}:1"

    def files(self) -> list[str]:
        """Return the last part of the names of all files in the project's datastore."""
        return sorted(each.rpartition("/")[2] for each in self.cloud.blobs.names(self.project.storage))

    def deploy(
        self, tag: str = "dep-1", model: str | None = None, *, base: str = BASE, **fields: object
    ) -> DeploymentRequest:
        """Ask for a deployment."""
        request = DeploymentRequest(tag=tag, base_model=base, model=model, name=tag, **fields)  # type: ignore[arg-type]
        self.backend.deploy(request)
        return request

    def until(self, request: DeploymentRequest, *statuses: DeploymentStatus, looks: int = 20) -> DeploymentObservation:
        """Look until a deployment has one of these statuses, taking the steps that it asks for.

        Raises:
            AssertionError: it never does.
        """
        seen = self.backend.observe_deployment(request.tag)
        for _ in range(looks):
            if seen.status in statuses:
                return seen
            if seen.unfinished:
                self.backend.deploy(request)
            self.cloud.clock.turn(10)
            seen = self.backend.observe_deployment(request.tag)
        raise AssertionError(f"{seen} never became {statuses}")

    def ask(self, tag: str, text: str, **fields: object) -> list[ChatChunk]:
        """Ask a deployment, and return the whole answer in its pieces."""
        messages = [{"role": "user", "content": text}]
        return list(self.backend.chat(tag, ChatRequest(messages=messages, **fields)))  # type: ignore[arg-type]


def connection_settings(app_id: str) -> dict[str, str]:
    """Return the settings of a connection to the cloud's project."""
    return {
        "credential": SignIn.CLIENT_SECRET,
        "tenant_id": TENANT,
        "client_id": app_id,
        "subscription_id": SUBSCRIPTION,
        "resource_group": GROUP,
        "workspace": PROJECT,
        "region": LOCATION,
    }


@contextmanager
def served_cloud(
    certificates: Certificates, folder: Path, clock: Clock, *, azurite: Azurite | None = None
) -> Iterator[ServedCloud]:
    """Give a cloud, without storage unless with Azurite, entered; at the end nothing unexpected was asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    with AzureCloud(certificates, folder, azurite=azurite) as cloud, cloud.entered():
        served = ServedCloud(cloud, clock)
        try:
            yield served
        finally:
            served.backend.azure.close()
    assert cloud.refused == []
    assert cloud.bugs == []
