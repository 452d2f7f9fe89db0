"""Serverless endpoints: a model that Azure runs and bills by token and hour, by plain REST.

azure-ai-ml's ServerlessEndpoint drops tags' neighbours (auth mode, description) and knows no content safety; the REST
API has it from 2024-10-01 on.
"""

import hashlib
import re
from dataclasses import replace

from app.backends.azure_foundry.catalog.hyperparameters import region_note
from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.serving.endpoint_kind import EndpointKind, tuned_model
from app.backends.azure_foundry.transport.paging import Body, text
from app.backends.azure_foundry.transport.words import meaning, unknown_word
from app.domain.backend import (
    BackendError,
    DeploymentObservation,
    DeploymentRequest,
    NotAuthorised,
    Refused,
    Rejected,
    Transient,
    Unavailable,
)
from app.domain.deployments import DeploymentStatus as Status

SUBSCRIPTIONS = "marketplaceSubscriptions"
_MICROSOFT = "azureml"  # the registry whose models need no marketplace subscription; the call would be refused for them
_BASE = re.compile(r"azureml://registries/[a-z0-9][\w.-]{0,62}/models/[a-z0-9][\w.-]{0,254}", re.ASCII)
CHAT = "/v1/chat/completions"
# endpointState of the spec, and what it comes to here. Online is not yet ready: the data plane has to answer.
_STATES = {
    "Creating": Status.CREATING,
    "Reinstating": Status.CREATING,
    "Unknown": Status.PENDING,
    "Online": Status.READY,
    "Deleting": Status.DELETING,
    "Suspending": Status.FAILED,
    "Suspended": Status.FAILED,
    "CreationFailed": Status.FAILED,
    "DeletionFailed": Status.FAILED,
}
# Where it has no word for the state, provisioningState counts (2024-10-01: EndpointProvisioningState). A failed update
# leaves the endpoint as it was, and its own word says how that is.
_PROVISIONING = {
    "Creating": "Creating",
    "Updating": "Creating",
    "Succeeded": "Online",
    "Failed": "CreationFailed",
    "Canceled": "CreationFailed",
    "Deleting": "Deleting",
}
# marketplaceSubscriptionStatus of the spec: whether it can be used, or is over. One on its way has none.
_SOLD = {"Subscribed": "yes", "Suspended": "over", "Unsubscribed": "over"}
_MESSAGES = {
    "Suspending": "Azure is suspending the endpoint. The subscription or its budget says why, in the portal.",
    "Suspended": "Azure has suspended the endpoint. The subscription or its budget says why, in the portal.",
    "CreationFailed": "Azure could not create the endpoint.",
    "Unknown": "Azure does not know the endpoint's state at the moment.",
    "DeletionFailed": "Azure could not delete the endpoint. It is asked again.",
}


class Serverless(EndpointKind):
    """Serverless endpoints of one workspace."""

    kind = "serverlessEndpoints"

    def deploy(self, request: DeploymentRequest, model: ModelId) -> None:
        """Begin to serve; what serves already goes on.

        Raises:
            Rejected: when Azure refuses it (with what is known of the region), or the name is somebody else's.
            Unavailable: while the former endpoint of this name is still being deleted.
        """
        if self.to_serve(request.tag) is not None:
            return
        location = self.workspace.location
        model_id = self._model_address(request, model)
        if model.registry != _MICROSOFT:
            self.subscribe(replace(model, version=None).uri)
        safety = "Enabled" if request.content_safety else "Disabled"
        body = {
            "location": location.region,
            "sku": {"name": "Consumption"},
            "tags": self.azure.owner_tags(request.tag),
            "properties": {
                "authMode": "Key",
                "contentSafety": {"contentSafetyStatus": safety},
                "modelSettings": {"modelId": model_id},
            },
        }
        try:
            self.workspace.put(self.path(request.tag), body)
        except (Refused, Rejected) as error:
            if note := region_note(model, location.region, tuned=request.model is not None):
                raise type(error)(f"{error.detail} {note}", fix=error.fix, retry_after=error.retry_after) from error
            raise

    def _model_address(self, request: DeploymentRequest, model: ModelId) -> str:
        """Return the address by which the endpoint is given its model: our own one, or a registry's without version.

        Raises:
            Rejected: for the name of a tuned model that is none.
        """
        tuned = tuned_model(request)
        if tuned is None:
            return replace(model, version=None).uri
        location = self.workspace.location
        return f"azureml://locations/{location.region}/workspaces/{location.guid}/{tuned}"

    def subscribe(self, model: str) -> None:
        """See to the marketplace subscription that a partner's model needs; one per model and workspace.

        Raises:
            Unavailable: while it is on its way.
            Rejected: when it is suspended or ended, or may not be made.
        """
        known = (each for each in self.workspace.list(SUBSCRIPTIONS) if model_of(each) == model.lower())
        found: Body | None = next(known, None)
        if found is None:
            path = f"{SUBSCRIPTIONS}/{subscription_name(model, self.azure.installation)}"
            try:
                found = self.workspace.put(path, {"properties": {"modelId": model}})
            except (Transient, NotAuthorised):
                raise
            except BackendError as error:
                raise Rejected(
                    f"The marketplace subscription that this partner's model needs could not be made: {error.detail}",
                    fix="Accept the offer's terms once in the studio, or let an owner of the subscription do it.",
                ) from error
        self._sold(found, f"{SUBSCRIPTIONS}/{text(found, 'name') or subscription_name(model, self.azure.installation)}")

    def _sold(self, subscription: Body, path: str) -> None:
        """Return if a marketplace subscription can be used.

        Raises:
            Unavailable: while it is on its way, or nobody knows its state.
            Rejected: when it is over, or was not made; with the reason that its operation tells.
        """
        what = "the marketplace subscription of this partner's model"
        word = text(subscription, "properties", "marketplaceSubscriptionStatus")
        state = text(subscription, "properties", "provisioningState")
        sold = meaning(_SOLD, word)
        if sold == "yes":
            return
        if sold == "over":
            raise Rejected(
                f"{what.capitalize()} is {word.lower()}.",
                fix="Look at it in the Azure portal under Microsoft Marketplace, SaaS.",
            )
        if state.lower() in {"failed", "canceled"}:
            reason = self.workspace.why_failed(path, subscription) or "Its operation tells no reason."
            fix = "Accept the offer's terms in the studio."
            raise Rejected(f"{what.capitalize()} could not be made. {reason}", fix=fix)
        if sold is None and word:
            raise Unavailable(unknown_word(what, word), fix="Look at it in the Azure portal.")
        raise Unavailable(f"{what.capitalize()} is being set up.")

    def observe(self, endpoint: Body) -> DeploymentObservation:
        """Return what Azure says of an endpoint; READY is what it believes, nobody has asked the endpoint yet."""
        word, raw = self.state(endpoint), text(endpoint, "properties", "provisioningState")
        status = meaning(_STATES, word) or Status.PENDING
        message = meaning(_MESSAGES, word) or ""
        if meaning(_PROVISIONING, raw) == "CreationFailed" and status is Status.CREATING:
            status, word, message = Status.FAILED, raw, _MESSAGES["CreationFailed"]
        if status is Status.PENDING and not message:
            message = unknown_word("the endpoint", word)
        if message == _MESSAGES["CreationFailed"]:
            path = f"{self.kind}/{text(endpoint, 'name')}"
            reason = self.workspace.why_failed(path, endpoint) or "Its operation tells no reason (any more)."
            message = f"{message} {reason} Delete this deployment before you deploy again."
        return DeploymentObservation(
            status=status,
            raw_status=word,
            message=message,
            endpoint=self.address(endpoint),
            region=text(endpoint, "location") or None,
        )

    def state(self, endpoint: Body) -> str:
        """Return Azure's word for an endpoint's state: `provisioningState` where it has none, or is being deleted."""
        raw = text(endpoint, "properties", "provisioningState")
        if raw.lower() == "deleting":
            return "Deleting"
        return text(endpoint, "properties", "endpointState") or meaning(_PROVISIONING, raw) or raw

    def address(self, endpoint: Body) -> str | None:
        """Return where an endpoint is asked; None before it has an address."""
        uri = text(endpoint, "properties", "inferenceEndpoint", "uri")
        return f"{uri.rstrip('/').removesuffix(CHAT)}{CHAT}" if uri else None

    def release_subscriptions(self) -> None:
        """Give back marketplace subscriptions that were made here and that no endpoint needs any more."""
        made = [each for each in self.workspace.list(SUBSCRIPTIONS) if self.made_here(each)]
        if not made:
            return
        used = {base_of(each) for each in self.workspace.list(self.kind, whole=True)}
        if None in used:
            return  # an endpoint of a tuned model does not say its base: better kept than taken from under it
        for each in made:
            if model_of(each) not in used:
                self.workspace.delete(f"{SUBSCRIPTIONS}/{text(each, 'name')}")

    def made_here(self, subscription: Body) -> bool:
        """Tell whether a marketplace subscription is of this installation; they have no tags, so the name says it."""
        return text(subscription, "name") == subscription_name(model_of(subscription), self.azure.installation)


def subscription_name(model: str, installation: str) -> str:
    """Return the name of the marketplace subscription that this installation makes for a model."""
    digest = hashlib.sha256(f"{installation}/{model.lower()}".encode()).hexdigest()[:16]
    return f"tunedesk-{digest}"


def model_of(subscription: Body) -> str:
    """Return the model that a marketplace subscription is for, in lower case."""
    return text(subscription, "properties", "modelId").lower()


def base_of(endpoint: Body) -> str | None:
    """Return the registry model that an endpoint serves, in lower case; None for a tuned one, or an unreadable one."""
    model = text(endpoint, "properties", "modelSettings", "modelId").lower()
    return model if _BASE.fullmatch(model) else None
