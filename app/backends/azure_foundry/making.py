"""A hub and a project, made as the lesson makes them, without the SDK.

`azure.ai.ml`'s `workspaces.begin_create(Project(...))` sends "PublicNetworkAccessType.ENABLED", which its own template
does not allow, and waits in five-second sleeps. A project here is one PUT of the workspace; a hub is one deployment of
a template that holds its storage account, its key vault and itself, so that ARM makes them in order, and all or none.
Both return once ARM has taken the wish; where it stands is read off the resources, so a restart loses nothing.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from app.backends.azure_foundry.client import Azure
from app.backends.azure_foundry.errors import in_azure_words
from app.backends.azure_foundry.known_failures import NotThere
from app.backends.azure_foundry.listing import listed, text
from app.backends.azure_foundry.names import is_ours
from app.backends.azure_foundry.workspaces import (
    SUBSCRIPTIONS,
    WORKSPACES,
    group_path,
    kind_of,
    workspace_path,
)
from app.domain.backend import NotFound, Rejected
from app.domain.discovery import HubWish, Making, MakingStatus, Place, ProjectWish, WorkspaceKind

DEPLOYMENTS = "2021-04-01"  # the first api-version whose deployments tell their error
_TAG = "workspace"  # these belong to no job of ours
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_DONE = {"succeeded": MakingStatus.READY, "failed": MakingStatus.FAILED, "canceled": MakingStatus.FAILED}


class MakesProjectsThere:
    """Makes hubs and projects; never changes one that this installation has not made."""

    azure: Azure

    @in_azure_words
    def make_hub(self, wish: HubWish) -> None:
        """Begin to make a hub with its storage account and key vault; a repeat finds what the first call began."""
        if self._there(wish.place, WorkspaceKind.HUB):
            return
        going = self._deployment(wish.place)
        if going is not None and _status(text(going, "properties", "provisioningState")) is MakingStatus.CREATING:
            return
        template = hub_template(wish, tenant=self._tenant(wish.place), tags=self.azure.owner_tags(_TAG))
        body = {"properties": {"mode": "Incremental", "template": template, "parameters": {}}}
        self.azure.arm("PUT", deployment_path(wish.place), api_version=DEPLOYMENTS, body=body, submitting=True)

    @in_azure_words
    def make_project(self, wish: ProjectWish) -> None:
        """Begin to make a project; a repeat finds what the first call began."""
        if self._there(wish.place, WorkspaceKind.PROJECT):
            return
        hub_place = Place(subscription=wish.place.subscription, resource_group=wish.place.resource_group, name=wish.hub)
        hub = self._workspace(hub_place)
        if hub is None or kind_of(hub) is not WorkspaceKind.HUB:
            raise Rejected(f"There is no hub {wish.hub!r} in this resource group.", fix="Choose a hub, or create one.")
        body = {
            "location": text(hub, "location"),
            "kind": "Project",
            "identity": {"type": "SystemAssigned"},
            "tags": self.azure.owner_tags(_TAG),
            "properties": {
                "friendlyName": wish.title or wish.place.name,
                "hubResourceId": text(hub, "id") or workspace_path(hub_place),
            },
        }
        self.azure.arm("PUT", workspace_path(wish.place), api_version=WORKSPACES, body=body, submitting=True)

    @in_azure_words
    def making(self, kind: WorkspaceKind, place: Place) -> Making:
        """Look at what is being made: at the workspace, and for a hub at the deployment that makes it."""
        found = self._workspace(place)
        if found is not None:
            raw = text(found, "properties", "provisioningState")
            return Making(kind=kind_of(found), place=place, status=_status(raw), raw_status=raw)
        deployment = self._deployment(place) if kind is WorkspaceKind.HUB else None
        if deployment is None:
            return Making(kind=kind, place=place, status=MakingStatus.ABSENT)
        raw = text(deployment, "properties", "provisioningState")
        # A deployment that succeeded while the workspace is not there yet: ARM's reads lag behind.
        status = MakingStatus.CREATING if _status(raw) is MakingStatus.READY else _status(raw)
        return Making(kind=kind, place=place, status=status, message=_why(deployment), raw_status=raw)

    def _there(self, place: Place, kind: WorkspaceKind) -> bool:
        """Tell whether it exists already.

        Raises:
            Rejected: when what has its name is something else, or somebody else's.
        """
        found = self._workspace(place)
        if found is None:
            return False
        if kind_of(found) is kind and is_ours(found.get("tags"), self.azure.installation):
            return _status(text(found, "properties", "provisioningState")) is not MakingStatus.FAILED
        raise Rejected(
            f"A {kind_of(found)} named {place.name!r} is there already, and TuneDesk has not made it.",
            fix="Choose it from the list, or take another name.",
        )

    def _tenant(self, place: Place) -> str:
        """Return the tenant of a subscription, from the list of all: reading a single one needs a role upon it."""
        for each in listed(self.azure, "/subscriptions", api_version=SUBSCRIPTIONS):
            if text(each, "subscriptionId").lower() == place.subscription.lower():
                return text(each, "tenantId")
        raise NotFound(f"The account does not see the subscription {place.subscription}.", fix="Choose another one.")

    def _workspace(self, place: Place) -> Mapping[str, Any] | None:
        return self._got(workspace_path(place), WORKSPACES)

    def _deployment(self, place: Place) -> Mapping[str, Any] | None:
        return self._got(deployment_path(place), DEPLOYMENTS)

    def _got(self, path: str, api_version: str) -> Mapping[str, Any] | None:
        try:
            body = self.azure.arm("GET", path, api_version=api_version).body
        except (NotFound, NotThere):
            return None
        return body if isinstance(body, Mapping) else None


def deployment_path(place: Place) -> str:
    """Return the ARM path of the deployment that makes a hub; its name follows from the hub's."""
    name = f"tunedesk-hub-{_digest(place)}"
    return f"{group_path(place.subscription, place.resource_group)}/providers/Microsoft.Resources/deployments/{name}"


def hub_template(wish: HubWish, *, tenant: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the template of a hub, its values written out; as azure-ai-ml's `workspace_base.json` sets them."""
    digest = _digest(wish.place)
    storage, vault = f"tdst{digest}", f"tdkv{digest}"  # 24 characters at most, unique in the world
    group = group_path(wish.place.subscription, wish.place.resource_group)
    return {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.Storage/storageAccounts",
                "apiVersion": "2023-04-01",
                "name": storage,
                "location": wish.region,
                "tags": dict(tags),
                "kind": "StorageV2",
                "sku": {"name": "Standard_LRS"},
                "properties": {
                    "supportsHttpsTrafficOnly": True,
                    "allowBlobPublicAccess": False,
                    "minimumTlsVersion": "TLS1_2",
                },
            },
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2023-07-01",
                "name": vault,
                "location": wish.region,
                "tags": dict(tags),
                "properties": {
                    "tenantId": tenant,
                    "sku": {"family": "A", "name": "standard"},
                    "accessPolicies": [],
                    "enableRbacAuthorization": True,
                },
            },
            {
                "type": "Microsoft.MachineLearningServices/workspaces",
                "apiVersion": WORKSPACES,
                "name": wish.place.name,
                "location": wish.region,
                "tags": dict(tags),
                "kind": "Hub",
                "identity": {"type": "SystemAssigned"},
                "dependsOn": [f"Microsoft.Storage/storageAccounts/{storage}", f"Microsoft.KeyVault/vaults/{vault}"],
                "properties": {
                    "friendlyName": wish.title or wish.place.name,
                    "storageAccount": f"{group}/providers/Microsoft.Storage/storageAccounts/{storage}",
                    "keyVault": f"{group}/providers/Microsoft.KeyVault/vaults/{vault}",
                },
            },
        ],
    }


def _digest(place: Place) -> str:
    whole = f"{place.subscription}/{place.resource_group}/{place.name}".lower()
    return hashlib.sha256(whole.encode()).hexdigest()[:18]


def _status(raw: str) -> MakingStatus:
    return _DONE.get(raw.lower(), MakingStatus.CREATING)


def _why(deployment: Mapping[str, Any]) -> str:
    """Return a failed deployment's reason: the innermost errors say what, the outer ones only that."""
    properties = deployment.get("properties")
    error = properties.get("error") if isinstance(properties, Mapping) else None
    reasons: list[str] = []
    open_errors = [error]
    while open_errors:
        current = open_errors.pop(0)
        if not isinstance(current, Mapping):
            continue
        details = current.get("details")
        if isinstance(details, list) and details:
            open_errors.extend(details[:5])
        elif text(current, "message"):
            reasons.append(f"{text(current, 'code')}: {text(current, 'message')}")
    return " ".join(reasons)[:1000]
