"""Where a workspace's data plane is: the host of its run history and of its MLflow, as the workspace itself says."""

from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from app.backends.azure_foundry.transport.client import Azure, Call
from app.domain.backend import NotFound, Unavailable

API = "2024-10-01-preview"
# Only hosts of Azure Machine Learning are handed a token: https://learn.microsoft.com/azure/machine-learning/
# how-to-access-azureml-behind-firewall, and azure.ai.ml._azure_environments for the other clouds.
_OURS = (".api.azureml.ms", ".api.ml.azure.us", ".api.ml.azure.cn")


@dataclass(frozen=True, slots=True)
class DataPlane:
    """Addresses without a slash at the end, to be followed by a path of their interface."""

    history: str  # …/history/v1.0/subscriptions/…/workspaces/NAME
    mlflow: str  # …/mlflow/v1.0/subscriptions/…/workspaces/NAME/api/2.0/mlflow
    region: str
    guid: str


class Workspace:
    """The workspace of a connection; looked up once."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self._lock = Lock()
        self._data_plane: DataPlane | None = None

    def data_plane(self) -> DataPlane:
        """Return the addresses.

        Raises:
            BackendError: when the workspace cannot be looked up, or names a host that is none of Azure's.
        """
        with self._lock:
            if self._data_plane is not None:
                return self._data_plane
        found = self._look()
        with self._lock:
            self._data_plane = found
        return found

    def _look(self) -> DataPlane:
        azure = self._azure
        try:
            body: dict[str, Any] = azure.arm("GET", azure.workspace_path, api_version=API).body or {}
            reported = body.get("properties") or {}
            tracking = urlsplit(str(reported.get("mlFlowTrackingUri", "")))
            discovery = azure.send(Call("GET", _checked(str(reported.get("discoveryUrl", ""))))).body or {}
        except NotFound as error:
            # Whoever looks at a job must not take this for the job's absence.
            raise Unavailable(f"The project cannot be looked up: {error.detail}", fix=error.fix) from error
        history = _checked(str(discovery.get("history") or f"https://{tracking.netloc}"))
        mlflow = _checked(f"https://{tracking.netloc}{tracking.path}")
        return DataPlane(
            history=f"{history.rstrip('/')}/history/v1.0{azure.workspace_path}",
            mlflow=f"{mlflow.rstrip('/')}/api/2.0/mlflow",
            region=str(body.get("location", "")),
            guid=str(reported.get("workspaceId", "")),
        )


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not (parts.hostname or "").endswith(_OURS):
        raise Unavailable(f"The project names {url[:120]!r} as its address, which is none of Azure's.")
    return url
