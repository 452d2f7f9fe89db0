"""Managed online endpoints: a model on machines of the team's own quota, billed by the hour while they run.

An endpoint, then a deployment on it, then its traffic: three steps, each of which ARM takes minutes for. `deploy` takes
the next one whenever it is called, and an observation says when there is one to take.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.catalog.hyperparameters import newest_version
from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.reference_data import Probe
from app.backends.azure_foundry.serving.endpoint_kind import EndpointKind, tuned_model
from app.backends.azure_foundry.transport.paging import Body, text
from app.backends.azure_foundry.transport.words import meaning, unknown_word
from app.domain.backend import DeploymentObservation, DeploymentRequest, Rejected
from app.domain.deployments import DeploymentStatus as Status
from app.domain.hyperparameters import HyperparameterSpec, HyperparameterType

DEPLOYMENT = "main"  # of the one deployment on each endpoint
MAX_INSTANCES = 10
_AT_ONCE = 4  # questions that one machine answers at once; more wait
# provisioningState of the spec (EndpointProvisioningState, DeploymentProvisioningState).
_STATES = {
    "Creating": Status.CREATING,
    "Updating": Status.CREATING,
    "Scaling": Status.CREATING,
    "Succeeded": Status.READY,
    "Failed": Status.FAILED,
    "Canceled": Status.FAILED,
    "Deleting": Status.DELETING,
}
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


class Online(EndpointKind):
    """Managed online endpoints of one workspace."""

    kind = "onlineEndpoints"

    def deploy(self, request: DeploymentRequest, model: ModelId) -> None:
        """Take the next step towards serving: the endpoint, the deployment on it, or its traffic.

        Raises:
            Rejected: when the name is somebody else's, or a base model comes without its version.
            Unavailable: while the former endpoint of this name is still being deleted.
        """
        path = self.path(request.tag)
        endpoint = self.to_serve(request.tag)
        if endpoint is None:
            self._model_address(request, model)  # what cannot be served is refused before anything is made
            self.workspace.put(path, self._endpoint_body(request.tag, {}))
            return
        if meaning(_STATES, self.state(endpoint)) is not Status.READY:
            return
        deployment = self.workspace.get(f"{path}/deployments/{DEPLOYMENT}")
        if deployment is None:
            self.workspace.put(f"{path}/deployments/{DEPLOYMENT}", self._deployment_body(request, model))
        elif meaning(_STATES, self.state(deployment)) is Status.READY and not _has_traffic(endpoint):
            self.workspace.put(path, self._endpoint_body(request.tag, {DEPLOYMENT: 100}))

    def observe(self, endpoint: Body) -> DeploymentObservation:
        """Return what Azure says of an endpoint and the deployment on it."""
        path, word = f"{self.kind}/{text(endpoint, 'name')}", self.state(endpoint)
        status = meaning(_STATES, word)
        if status is Status.DELETING:
            return self._observation(endpoint, status, word)
        if status is not Status.READY:
            return self._unready(endpoint, "endpoint", word, path, endpoint)
        deployment = self.workspace.get(f"{path}/deployments/{DEPLOYMENT}")
        if deployment is None:
            return self._observation(endpoint, Status.CREATING, "endpoint Succeeded", unfinished=True)
        return self._seen_on(endpoint, deployment, f"{path}/deployments/{DEPLOYMENT}")

    def state(self, endpoint: Body) -> str:
        """Return ARM's word for how far an endpoint is, or a deployment on it."""
        return text(endpoint, "properties", "provisioningState")

    def address(self, endpoint: Body) -> str | None:
        """Return where an endpoint is asked; None before it has an address."""
        return text(endpoint, "properties", "scoringUri") or None

    def _unready(self, endpoint: Body, what: str, word: str, path: str, found: Body) -> DeploymentObservation:
        """Return what is said of an endpoint, or of what is deployed on it, that is not ready; and why, if told."""
        status, message = meaning(_STATES, word) or Status.PENDING, ""
        if status is Status.PENDING:
            message = unknown_word(f"the {what}", word)
        if status is Status.FAILED:
            reason = self.workspace.why_failed(path, found)
            log = " Its deployment log in the studio may say more." if what == "deployment" else ""
            message = f"Azure could not make the {what}. {reason or f'Its operation tells no reason.{log}'}"
        shown = Status.CREATING if status is Status.DELETING else status  # of what is on it: the endpoint itself stays
        return self._observation(endpoint, shown, f"{what} {word}", message=message)

    def _seen_on(self, endpoint: Body, deployment: Body, path: str) -> DeploymentObservation:
        word = self.state(deployment)
        if meaning(_STATES, word) is not Status.READY:
            return self._unready(endpoint, "deployment", word, path, deployment)
        if not _has_traffic(endpoint):
            return self._observation(endpoint, Status.CREATING, "deployment Succeeded, no traffic yet", unfinished=True)
        return self._observation(endpoint, Status.READY, "Succeeded")

    def _observation(
        self, endpoint: Body, status: Status, word: str, *, message: str = "", unfinished: bool = False
    ) -> DeploymentObservation:
        return DeploymentObservation(
            status=status,
            raw_status=word,
            message=message,
            endpoint=self.address(endpoint),
            region=text(endpoint, "location") or None,
            unfinished=unfinished,
        )

    def _endpoint_body(self, tag: str, traffic: dict[str, int]) -> dict[str, Any]:
        return {
            "location": self.workspace.location.region,
            "tags": self.azure.owner_tags(tag),
            "identity": {"type": "SystemAssigned"},
            "properties": {"authMode": "Key", "publicNetworkAccess": "Enabled", "traffic": traffic},
        }

    def _deployment_body(self, request: DeploymentRequest, model: ModelId) -> dict[str, Any]:
        size = str(request.options.get("instance_type", DEFAULT_INSTANCE))
        count = int(request.options.get("instance_count", 1))
        sample = reference_data.serving(model.registry, tuned=request.model is not None)
        probes = {"livenessProbe": sample.liveness, "readinessProbe": sample.readiness}
        timeout = f"PT{sample.request_timeout_s}S"
        return {
            "location": self.workspace.location.region,
            "tags": self.azure.owner_tags(request.tag),
            "sku": {"name": "Default", "capacity": count},
            "properties": {
                "endpointComputeType": "Managed",
                "model": self._model_address(request, model),
                "instanceType": size,
                "scaleSettings": {"scaleType": "Default"},
                "requestSettings": {"requestTimeout": timeout, "maxConcurrentRequestsPerInstance": _AT_ONCE},
                **{name: _probe(each) for name, each in probes.items() if each is not None},
            },
        }

    def _model_address(self, request: DeploymentRequest, model: ModelId) -> str:
        """Return the address of the model that a deployment serves.

        Raises:
            Rejected: for a base model without a version, or a tuned one that is none.
        """
        tuned = tuned_model(request)
        if tuned is not None:
            return f"{self.azure.workspace_path}/{tuned}"
        version = newest_version(model)
        if version is None:
            raise Rejected(
                f"{model.name} can be deployed on machines of your own only in a named version.",
                fix=f"Choose it with its version, for example {model}:1; the catalog shows the newest.",
            )
        return replace(model, version=version).uri


def _probe(probe: Probe) -> dict[str, Any]:
    return {
        "failureThreshold": probe.failure_threshold,
        "successThreshold": probe.success_threshold,
        "timeout": f"PT{probe.timeout_s}S",
        "period": f"PT{probe.period_s}S",
        "initialDelay": f"PT{probe.initial_delay_s}S",
    }


def _has_traffic(endpoint: Body) -> bool:
    properties = endpoint.get("properties")
    traffic = properties.get("traffic") if isinstance(properties, Mapping) else None
    return isinstance(traffic, Mapping) and str(traffic.get(DEPLOYMENT)) in {"100", "100.0"}  # all of it
