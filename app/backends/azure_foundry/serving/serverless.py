"""Serverless endpoints: a model that Azure runs and bills by token and hour, by plain REST.

azure-ai-ml's ServerlessEndpoint drops tags' neighbours (auth mode, description) and knows no content safety; the REST
API has it from 2024-10-01 on.
"""

import hashlib
from functools import cached_property
from typing import Any

from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.regions import serve_regions
from app.backends.azure_foundry.transport.names import endpoint_name, is_ours
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import (
    BackendError,
    DeploymentObservation,
    DeploymentRequest,
    NotAuthorised,
    Rejected,
    Transient,
    Unavailable,
)
from app.domain.deployments import DeploymentStatus as Status

KIND = "serverlessEndpoints"
SUBSCRIPTIONS = "marketplaceSubscriptions"
_MICROSOFT = "azureml"  # the registry whose models need no marketplace subscription; the call would be refused for them
CHAT = "/v1/chat/completions"
# endpointState of the spec, and what it comes to here. Online is not yet ready: the data plane has to answer.
_STATES = {
    "Creating": Status.CREATING,
    "Reinstating": Status.CREATING,
    "Unknown": Status.CREATING,
    "Online": Status.READY,
    "Deleting": Status.DELETING,
    "Suspending": Status.FAILED,
    "Suspended": Status.FAILED,
    "CreationFailed": Status.FAILED,
    "DeletionFailed": Status.FAILED,
}
_MESSAGES = {
    "Suspending": "Azure is suspending the endpoint. The subscription or its budget says why, in the portal.",
    "Suspended": "Azure has suspended the endpoint. The subscription or its budget says why, in the portal.",
    "CreationFailed": "Azure could not create the endpoint. Delete this deployment, then deploy again.",
    "DeletionFailed": "Azure could not delete the endpoint. It is asked again.",
}


class Serverless:
    """Makes, looks at and removes serverless endpoints of one workspace."""

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
        """Begin to serve; what serves already goes on.

        Raises:
            Rejected: when the region does not serve the model, or the name is somebody else's.
        """
        name = endpoint_name(request.tag)
        known = self.workspace.get(f"{KIND}/{name}")
        if known is not None:
            self._take_up(known, name)
            return
        location = self.workspace.location
        check_region(model, location.region, tuned=request.model is not None)
        model_id = self.model_address(request, model)
        if model.registry != _MICROSOFT:
            self.subscribe(f"azureml://registries/{model.registry}/models/{model.name}")
        safety = "Enabled" if request.content_safety else "Disabled"
        body = {
            "location": location.region,
            "sku": {"name": "Consumption"},
            "tags": self.workspace.azure.owner_tags(request.tag),
            "properties": {
                "authMode": "Key",
                "contentSafety": {"contentSafetyStatus": safety},
                "modelSettings": {"modelId": model_id},
            },
        }
        self.workspace.put(f"{KIND}/{name}", body)

    def model_address(self, request: DeploymentRequest, model: ModelId) -> str:
        """Return the address by which the endpoint is given its model: our own one, or a registry's without version.

        Raises:
            Rejected: for the name of a tuned model that is none.
        """
        if request.model is None:
            return f"azureml://registries/{model.registry}/models/{model.name}"
        name, colon, version = request.model.partition(":")
        if not colon:
            raise Rejected(f"{request.model!r} is no model with a version.", fix="Train it again.")
        location = self.workspace.location
        return f"azureml://locations/{location.region}/workspaces/{location.guid}/models/{name}/versions/{version}"

    def subscribe(self, model: str) -> None:
        """See to the marketplace subscription that a partner's model needs; one per model and workspace.

        Raises:
            Unavailable: while it is on its way.
            Rejected: when it is suspended or ended, or may not be made.
        """
        name = subscription_name(model, self.installation)
        found = self._subscription_of(model)
        if found is None:
            try:
                found = self.workspace.put(f"{SUBSCRIPTIONS}/{name}", {"properties": {"modelId": model}})
            except (Transient, NotAuthorised):
                raise
            except BackendError as error:
                raise Rejected(
                    f"The marketplace subscription that this partner's model needs could not be made: {error.detail}",
                    fix="Accept the offer's terms once in the studio, or let an owner of the subscription do it.",
                ) from error
        word = str(found.get("properties", {}).get("marketplaceSubscriptionStatus") or "Pending")
        if word in {"Suspended", "Unsubscribed"}:
            raise Rejected(
                f"The marketplace subscription of this partner's model is {word.lower()}.",
                fix="Look at it in the Azure portal under Microsoft Marketplace, SaaS.",
            )
        if word != "Subscribed":
            raise Unavailable("The marketplace subscription of this partner's model is being set up.")

    def _subscription_of(self, model: str) -> dict[str, Any] | None:
        for each in self.workspace.list(SUBSCRIPTIONS):
            if str(each.get("properties", {}).get("modelId", "")).lower() == model.lower():
                return each
        return None

    def _take_up(self, known: dict[str, Any], name: str) -> None:
        if not is_ours(known.get("tags"), self.installation):
            raise Rejected(
                f"An endpoint {name!r} exists that was not made here; it is left alone.", fix="Deploy once more."
            )
        if state_of(known) in {"Deleting", "DeletionFailed"}:
            raise Unavailable("The former endpoint of this name is still being deleted.")

    def seen(self, found: dict[str, Any]) -> DeploymentObservation:
        """Return what Azure says of an endpoint; READY is what it believes, nobody has asked the endpoint yet."""
        properties = found.get("properties", {})
        word = state_of(found)
        status = _STATES.get(word, Status.CREATING)
        if properties.get("provisioningState") in {"Failed", "Canceled"} and status is Status.CREATING:
            status, word = Status.FAILED, str(properties["provisioningState"])
        return DeploymentObservation(
            status=status,
            raw_status=word,
            message=_MESSAGES.get(word, ""),
            endpoint=chat_address(found),
            region=found.get("location"),
        )

    def remove(self, tag: str) -> None:
        """Ask for the endpoint's end; nothing that is not ours is touched."""
        found = self.find(tag)
        if found is not None and state_of(found) != "Deleting":
            self.workspace.delete(f"{KIND}/{endpoint_name(tag)}")

    def release_subscriptions(self) -> None:
        """Give back marketplace subscriptions that were made here and that no endpoint needs any more."""
        made = [each for each in self.workspace.list(SUBSCRIPTIONS) if self.made_here(each)]
        if not made:
            return
        used = {base_of(each) for each in self.workspace.list(KIND)}
        if None in used:
            return  # an endpoint of a tuned model does not say its base: better kept than taken from under it
        for each in made:
            if str(each.get("properties", {}).get("modelId", "")).lower() not in used:
                self.workspace.delete(f"{SUBSCRIPTIONS}/{each['name']}")

    def made_here(self, subscription: dict[str, Any]) -> bool:
        """Tell whether a marketplace subscription is of this installation; they have no tags, so the name says it."""
        model = str(subscription.get("properties", {}).get("modelId", ""))
        return str(subscription.get("name")) == subscription_name(model, self.installation)


def check_region(model: ModelId, region: str, *, tuned: bool) -> None:
    """Return if the region serves the model serverless, or nobody knows.

    Raises:
        Rejected: with the regions that do.
    """
    regions = serve_regions(model, tuned=tuned)
    if regions is not None and region not in regions:
        raise Rejected(
            f"{model.name} is not served in {region}, where the project is.",
            fix=f"It is served in {', '.join(regions)}: train and deploy it in a project there.",
        )


def subscription_name(model: str, installation: str) -> str:
    """Return the name of the marketplace subscription that this installation makes for a model."""
    digest = hashlib.sha256(f"{installation}/{model.lower()}".encode()).hexdigest()[:16]
    return f"tunedesk-{digest}"


def state_of(found: dict[str, Any]) -> str:
    """Return Azure's own word for an endpoint's state."""
    properties = found.get("properties", {})
    if properties.get("provisioningState") == "Deleting":
        return "Deleting"
    return str(properties.get("endpointState") or "Creating")


def chat_address(found: dict[str, Any]) -> str | None:
    """Return where an endpoint is asked; None before it has an address."""
    uri = (found.get("properties", {}).get("inferenceEndpoint") or {}).get("uri")
    return f"{str(uri).rstrip('/').removesuffix('/v1/chat/completions')}{CHAT}" if uri else None


def base_of(found: dict[str, Any]) -> str | None:
    """Return the registry model that an endpoint serves, in lower case; None for a tuned one."""
    model = str((found.get("properties", {}).get("modelSettings") or {}).get("modelId", "")).lower()
    return model if model.startswith("azureml://registries/") else None
