"""Managed online endpoints: a model on machines of the team's own quota, billed by the hour while they run.

An endpoint, then a deployment on it, then its traffic: three steps, each of which ARM takes minutes for. `deploy` takes
the next one whenever it is called, and an observation says when there is one to take.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any

from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.regions import newest_version
from app.backends.azure_foundry.transport.names import endpoint_name, is_ours
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import DeploymentObservation, DeploymentRequest, Rejected, Unavailable
from app.domain.deployments import DeploymentStatus as Status
from app.domain.hyperparameters import HyperparameterSpec, HyperparameterType

KIND = "onlineEndpoints"
DEPLOYMENT = "main"  # of the one deployment on each endpoint
MAX_INSTANCES = 10
_AT_ONCE = 4  # questions that one machine answers at once; more wait
_UNDER_WAY = frozenset({"Creating", "Updating"})
_BROKEN = frozenset({"Failed", "Canceled"})
# The sizes that Microsoft's samples serve small language models on; any other may be typed.
# https://learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list
DEFAULT_INSTANCE = "Standard_NC24ads_A100_v4"

OPTIONS = (
    HyperparameterSpec(
        name="instance_type",
        label="Machine size",
        type=HyperparameterType.STRING,
        default=DEFAULT_INSTANCE,
        help="The Azure size of the machine that serves it. Your own quota for that size family is needed.",
        option=True,
    ),
    HyperparameterSpec(
        name="instance_count",
        label="Machines",
        type=HyperparameterType.INTEGER,
        default=1,
        minimum=1,
        maximum=MAX_INSTANCES,
        help="How many such machines; each is billed by the hour while the deployment exists, used or not.",
        option=True,
    ),
)


class Online:
    """Makes, looks at and removes managed online endpoints of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @cached_property
    def installation(self) -> str:
        """The mark of this installation."""
        return self.workspace.azure.installation

    def find(self, tag: str) -> dict[str, Any] | None:
        """Return our endpoint of a deployment as Azure has it; None where there is none, or one that is not ours."""
        found = self.workspace.get(f"{KIND}/{endpoint_name(tag)}")
        return found if found is not None and is_ours(found.get("tags"), self.installation) else None

    def deploy(self, request: DeploymentRequest, model: ModelId) -> None:
        """Take the next step towards serving: the endpoint, the deployment on it, or its traffic.

        Raises:
            Rejected: when the name is somebody else's, or a base model comes without its version.
            Unavailable: while the former endpoint of this name is still being deleted.
        """
        name = endpoint_name(request.tag)
        endpoint = self.workspace.get(f"{KIND}/{name}")
        if endpoint is None:
            model_address(self.workspace, request, model)  # what cannot be served is refused before anything is made
            self.workspace.put(f"{KIND}/{name}", self._endpoint_body(request.tag, {}))
            return
        if not is_ours(endpoint.get("tags"), self.installation):
            raise Rejected(
                f"An endpoint {name!r} exists that was not made here; it is left alone.", fix="Deploy once more."
            )
        if provisioning(endpoint) == "Deleting":
            raise Unavailable("The former endpoint of this name is still being deleted.")
        if provisioning(endpoint) != "Succeeded":
            return
        deployment = self.workspace.get(f"{KIND}/{name}/deployments/{DEPLOYMENT}")
        if deployment is None:
            self.workspace.put(f"{KIND}/{name}/deployments/{DEPLOYMENT}", self._deployment_body(request, model))
        elif provisioning(deployment) == "Succeeded" and not _has_traffic(endpoint):
            self.workspace.put(f"{KIND}/{name}", self._endpoint_body(request.tag, {DEPLOYMENT: 100}))

    def seen(self, endpoint: dict[str, Any]) -> DeploymentObservation:
        """Return what Azure says of an endpoint and the deployment on it."""
        word = provisioning(endpoint)
        if word == "Deleting":
            return self._observation(endpoint, Status.DELETING, word)
        if word != "Succeeded":
            return self._observation(
                endpoint, Status.FAILED if word in _BROKEN else Status.CREATING, f"endpoint {word}"
            )
        deployment = self.workspace.get(f"{KIND}/{endpoint['name']}/deployments/{DEPLOYMENT}")
        if deployment is None:
            return self._observation(endpoint, Status.CREATING, "endpoint Succeeded", unfinished=True)
        return self._seen_on(endpoint, provisioning(deployment))

    def _seen_on(self, endpoint: dict[str, Any], word: str) -> DeploymentObservation:
        if word in _BROKEN:
            message = "Azure could not start the machines for it. Its deployment log in the studio says why."
            return self._observation(endpoint, Status.FAILED, f"deployment {word}", message=message)
        if word != "Succeeded":
            return self._observation(endpoint, Status.CREATING, f"deployment {word}")
        if not _has_traffic(endpoint):
            return self._observation(endpoint, Status.CREATING, "deployment Succeeded, no traffic yet", unfinished=True)
        return self._observation(endpoint, Status.READY, "Succeeded")

    def remove(self, tag: str) -> None:
        """Ask for the end of the endpoint and of what is on it; nothing that is not ours is touched."""
        found = self.find(tag)
        if found is not None and provisioning(found) != "Deleting":
            self.workspace.delete(f"{KIND}/{endpoint_name(tag)}")

    def _observation(
        self, endpoint: dict[str, Any], status: Status, word: str, *, message: str = "", unfinished: bool = False
    ) -> DeploymentObservation:
        return DeploymentObservation(
            status=status,
            raw_status=word,
            message=message,
            endpoint=score_address(endpoint),
            region=endpoint.get("location"),
            unfinished=unfinished,
        )

    def _endpoint_body(self, tag: str, traffic: dict[str, int]) -> dict[str, Any]:
        return {
            "location": self.workspace.location.region,
            "tags": self.workspace.azure.owner_tags(tag),
            "identity": {"type": "SystemAssigned"},
            "properties": {"authMode": "Key", "publicNetworkAccess": "Enabled", "traffic": traffic},
        }

    def _deployment_body(self, request: DeploymentRequest, model: ModelId) -> dict[str, Any]:
        size = str(request.options.get("instance_type", DEFAULT_INSTANCE))
        count = int(request.options.get("instance_count", 1))
        return {
            "location": self.workspace.location.region,
            "tags": self.workspace.azure.owner_tags(request.tag),
            "sku": {"name": "Default", "capacity": count},
            "properties": {
                "endpointComputeType": "Managed",
                "model": model_address(self.workspace, request, model),
                "instanceType": size,
                "scaleSettings": {"scaleType": "Default"},
                "requestSettings": {"requestTimeout": "PT90S", "maxConcurrentRequestsPerInstance": _AT_ONCE},
            },
        }


def model_address(workspace: Workspace, request: DeploymentRequest, model: ModelId) -> str:
    """Return the address of the model that a deployment serves.

    Raises:
        Rejected: for a base model without a version, or a tuned one that is none.
    """
    if request.model is not None:
        name, colon, own_version = request.model.partition(":")
        if not colon:
            raise Rejected(f"{request.model!r} is no model with a version.", fix="Train it again.")
        return f"{workspace.azure.workspace_path}/models/{name}/versions/{own_version}"
    version = model.version or newest_version(model)
    if version is None:
        raise Rejected(
            f"{model.name} can be deployed on machines of your own only in a named version.",
            fix=f"Choose it with its version, for example {model}:1; the catalog shows the newest.",
        )
    return replace(model, version=version).uri


def provisioning(found: dict[str, Any]) -> str:
    """Return ARM's word for how far a resource is."""
    return str(found.get("properties", {}).get("provisioningState") or "Creating")


def score_address(endpoint: dict[str, Any]) -> str | None:
    """Return where an endpoint is asked; None before it has an address."""
    return endpoint.get("properties", {}).get("scoringUri") or None


def _has_traffic(endpoint: dict[str, Any]) -> bool:
    return (endpoint.get("properties", {}).get("traffic") or {}).get(DEPLOYMENT) == 100  # noqa: PLR2004 -- all of it
