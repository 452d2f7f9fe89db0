"""What the account can see: subscriptions, resource groups, hubs, projects and workspaces, to choose from."""

from collections.abc import Sequence
from urllib.parse import quote

from app.backends.azure_foundry.account.workspaces import (
    GROUPS,
    PROVIDER,
    SUBSCRIPTIONS,
    WORKSPACES,
    group_path,
    workspace_of,
)
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import in_azure_words
from app.backends.azure_foundry.transport.paging import listed, text
from app.domain.discovery import Discovers, ResourceGroup, Subscription, Workspace


class AzureDiscovery(Discovers):
    """Lists by REST: azure-mgmt-resource has no list of subscriptions any more, and azure-ai-ml needs one given."""

    azure: Azure

    @in_azure_words
    def subscriptions(self) -> Sequence[Subscription]:
        """Return the subscriptions by name."""
        found = [
            Subscription(
                id=text(each, "subscriptionId"), name=text(each, "displayName"), state=text(each, "state") or "Unknown"
            )
            for each in listed(self.azure, "/subscriptions", api_version=SUBSCRIPTIONS)
        ]
        return sorted(found, key=lambda each: each.name.lower())

    @in_azure_words
    def resource_groups(self, subscription: str) -> Sequence[ResourceGroup]:
        """Return the resource groups of a subscription by name."""
        path = f"/subscriptions/{quote(subscription, safe='')}/resourcegroups"
        found = [
            ResourceGroup(name=text(each, "name"), region=text(each, "location"))
            for each in listed(self.azure, path, api_version=GROUPS)
        ]
        return sorted(found, key=lambda each: each.name.lower())

    @in_azure_words
    def workspaces(self, subscription: str, resource_group: str) -> Sequence[Workspace]:
        """Return the hubs, projects and workspaces of a resource group by name."""
        path = f"{group_path(subscription, resource_group)}/{PROVIDER}"
        found = [workspace_of(each) for each in listed(self.azure, path, api_version=WORKSPACES)]
        return sorted(found, key=lambda each: each.name.lower())
