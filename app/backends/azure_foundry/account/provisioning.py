"""A hub and a project, made as the lesson makes them, without the SDK.

`azure.ai.ml`'s `workspaces.begin_create(Project(...))` sends "PublicNetworkAccessType.ENABLED", which its own template
does not allow, and waits in five-second sleeps. A project here is one PUT of the workspace; a hub is one deployment of
a template that holds its storage account, its key vault and itself, so that ARM makes them in order, and all or none.
Both return once ARM has taken the wish; where it stands is read off the resources, so a restart loses nothing.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from app.backends.azure_foundry.account.resources import WorkspaceAddress, WorkspaceKind
from app.backends.azure_foundry.account.workspaces import SUBSCRIPTIONS, WORKSPACES, group_path, kind_of, workspace_path
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.known_failures import NotThere
from app.backends.azure_foundry.transport.names import is_ours
from app.backends.azure_foundry.transport.paging import listed, text
from app.domain.backend import NotFound, Rejected
from app.domain.discovery import Provisioning, ProvisioningStatus, Provisions

DEPLOYMENTS = "2021-04-01"  # the first api-version whose deployments tell their error
_TAG = "workspace"  # these belong to no job of ours
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_DONE = {
    "succeeded": ProvisioningStatus.READY,
    "failed": ProvisioningStatus.FAILED,
    "canceled": ProvisioningStatus.FAILED,
}


class AzureProvisioning(Provisions):
    """Makes hubs and projects; never changes one that this installation has not made."""

    azure: Azure

    def provision(self, creation: str, values: Mapping[str, str]) -> None:
        """Begin to make a hub or a project."""
        address, title = WorkspaceAddress.of(values), values.get("title", "")
        if creation == WorkspaceKind.HUB:
            self.make_hub(address, region=values["region"].lower(), title=title)
        else:
            self.make_project(address, hub=values["hub"], title=title)

    def provisioning(self, creation: str, values: Mapping[str, str]) -> Provisioning:
        """Look at a hub or a project that is being made."""
        return self.making(WorkspaceKind(creation), WorkspaceAddress.of(values))

    @translates_errors
    def make_hub(self, address: WorkspaceAddress, *, region: str, title: str = "") -> None:
        """Begin to make a hub with its storage account and key vault; a repeat finds what the first call began."""
        if self._there(address, WorkspaceKind.HUB):
            return
        going = self._got(deployment_path(address), DEPLOYMENTS)
        if going is not None and _status(text(going, "properties", "provisioningState")) is ProvisioningStatus.CREATING:
            return
        template = hub_template(
            address, region=region, title=title, tenant=self._tenant(address), tags=self.azure.owner_tags(_TAG)
        )
        body = {"properties": {"mode": "Incremental", "template": template, "parameters": {}}}
        self.azure.arm("PUT", deployment_path(address), api_version=DEPLOYMENTS, body=body, submitting=True)

    @translates_errors
    def make_project(self, address: WorkspaceAddress, *, hub: str, title: str = "") -> None:
        """Begin to make a project; a repeat finds what the first call began."""
        if self._there(address, WorkspaceKind.PROJECT):
            return
        hub_address = WorkspaceAddress(
            subscription=address.subscription, resource_group=address.resource_group, name=hub
        )
        found = self._got(workspace_path(hub_address), WORKSPACES)
        if found is None or kind_of(found) is not WorkspaceKind.HUB:
            raise Rejected(f"There is no hub {hub!r} in this resource group.", fix="Choose a hub, or create one.")
        body = {
            "location": text(found, "location"),
            "kind": "Project",
            "identity": {"type": "SystemAssigned"},
            "tags": self.azure.owner_tags(_TAG),
            "properties": {
                "friendlyName": title or address.name,
                "hubResourceId": text(found, "id") or workspace_path(hub_address),
            },
        }
        self.azure.arm("PUT", workspace_path(address), api_version=WORKSPACES, body=body, submitting=True)

    @translates_errors
    def making(self, kind: WorkspaceKind, address: WorkspaceAddress) -> Provisioning:
        """Look at what is being made: at the workspace, and for a hub at the deployment that makes it."""
        found = self._got(workspace_path(address), WORKSPACES)
        if found is not None:
            raw = text(found, "properties", "provisioningState")
            return Provisioning(kind=kind_of(found), name=address.name, status=_status(raw), raw_status=raw)
        deployment = self._got(deployment_path(address), DEPLOYMENTS) if kind is WorkspaceKind.HUB else None
        if deployment is None:
            return Provisioning(kind=kind, name=address.name, status=ProvisioningStatus.ABSENT)
        raw = text(deployment, "properties", "provisioningState")
        # A deployment that succeeded while the workspace is not there yet: ARM's reads lag behind.
        status = ProvisioningStatus.CREATING if _status(raw) is ProvisioningStatus.READY else _status(raw)
        return Provisioning(kind=kind, name=address.name, status=status, message=_why(deployment), raw_status=raw)

    def _there(self, address: WorkspaceAddress, kind: WorkspaceKind) -> bool:
        """Tell whether it exists already.

        Raises:
            Rejected: when what has its name is something else, or somebody else's.
        """
        found = self._got(workspace_path(address), WORKSPACES)
        if found is None:
            return False
        if kind_of(found) is kind and is_ours(found.get("tags"), self.azure.installation):
            return _status(text(found, "properties", "provisioningState")) is not ProvisioningStatus.FAILED
        raise Rejected(
            f"A {kind_of(found)} named {address.name!r} is there already, and TuneDesk has not made it.",
            fix="Choose it from the list, or take another name.",
        )

    def _tenant(self, address: WorkspaceAddress) -> str:
        """Return the tenant of a subscription, from the list of all: reading a single one needs a role upon it."""
        for each in listed(self.azure, "/subscriptions", api_version=SUBSCRIPTIONS):
            if text(each, "subscriptionId").lower() == address.subscription.lower():
                return text(each, "tenantId")
        raise NotFound(f"The account does not see the subscription {address.subscription}.", fix="Choose another one.")

    def _got(self, path: str, api_version: str) -> Mapping[str, Any] | None:
        try:
            body = self.azure.arm("GET", path, api_version=api_version).body
        except (NotFound, NotThere):
            return None
        return body if isinstance(body, Mapping) else None


def deployment_path(address: WorkspaceAddress) -> str:
    """Return the ARM path of the deployment that makes a hub; its name follows from the hub's."""
    name = f"tunedesk-hub-{_digest(address)}"
    return (
        f"{group_path(address.subscription, address.resource_group)}/providers/Microsoft.Resources/deployments/{name}"
    )


def hub_template(
    address: WorkspaceAddress, *, region: str, title: str, tenant: str, tags: Mapping[str, str]
) -> dict[str, Any]:
    """Return the template of a hub, its values written out; as azure-ai-ml's `workspace_base.json` sets them."""
    digest = _digest(address)
    storage, vault = f"tdst{digest}", f"tdkv{digest}"  # 24 characters at most, unique in the world
    group = group_path(address.subscription, address.resource_group)
    return {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.Storage/storageAccounts",
                "apiVersion": "2023-04-01",
                "name": storage,
                "location": region,
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
                "location": region,
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
                "name": address.name,
                "location": region,
                "tags": dict(tags),
                "kind": "Hub",
                "identity": {"type": "SystemAssigned"},
                "dependsOn": [f"Microsoft.Storage/storageAccounts/{storage}", f"Microsoft.KeyVault/vaults/{vault}"],
                "properties": {
                    "friendlyName": title or address.name,
                    "storageAccount": f"{group}/providers/Microsoft.Storage/storageAccounts/{storage}",
                    "keyVault": f"{group}/providers/Microsoft.KeyVault/vaults/{vault}",
                },
            },
        ],
    }


def _digest(address: WorkspaceAddress) -> str:
    whole = f"{address.subscription}/{address.resource_group}/{address.name}".lower()
    return hashlib.sha256(whole.encode()).hexdigest()[:18]


def _status(raw: str) -> ProvisioningStatus:
    return _DONE.get(raw.lower(), ProvisioningStatus.CREATING)


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
