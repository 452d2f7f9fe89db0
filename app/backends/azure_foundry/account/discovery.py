"""What the account can see: subscriptions, resource groups, hubs, projects and workspaces, to choose from."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from app.backends.azure_foundry.account import steps
from app.backends.azure_foundry.account.resources import ResourceGroup, Subscription, Workspace, WorkspaceKind
from app.backends.azure_foundry.account.workspaces import (
    GROUPS,
    PROVIDER,
    SUBSCRIPTIONS,
    WORKSPACES,
    group_path,
    workspace_of,
)
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.paging import listed, text
from app.domain.backend import NotFound
from app.domain.discovery import Choice, Discovers

_ENABLED, _SUCCEEDED = "Enabled", "Succeeded"  # Azure's words for what is in order


class AzureDiscovery(Discovers):
    """Lists by REST: azure-mgmt-resource has no list of subscriptions any more, and azure-ai-ml needs one given."""

    azure: Azure

    def choices(self, step: str, chosen: Mapping[str, str]) -> Sequence[Choice]:
        """Return the subscriptions, the resource groups of one, or what is in such a group."""
        match step:
            case steps.SUBSCRIPTION:
                return [_subscription(each) for each in self.subscriptions()]
            case steps.GROUP:
                return [_group(each) for each in self.resource_groups(chosen[steps.SUBSCRIPTION])]
            case steps.WORKSPACE:
                return [_workspace(each) for each in self.workspaces(chosen[steps.SUBSCRIPTION], chosen[steps.GROUP])]
        raise NotFound(f"Azure has no {step}.", fix="Choose a subscription, a resource group or a project.")

    @translates_errors
    def subscriptions(self) -> Sequence[Subscription]:
        """Return the subscriptions by name."""
        found = [
            Subscription(
                id=text(each, "subscriptionId"), name=text(each, "displayName"), state=text(each, "state") or "Unknown"
            )
            for each in listed(self.azure, "/subscriptions", api_version=SUBSCRIPTIONS)
        ]
        return sorted(found, key=lambda each: each.name.lower())

    @translates_errors
    def resource_groups(self, subscription: str) -> Sequence[ResourceGroup]:
        """Return the resource groups of a subscription by name."""
        path = f"/subscriptions/{quote(subscription, safe='')}/resourcegroups"
        found = [
            ResourceGroup(name=text(each, "name"), region=text(each, "location"))
            for each in listed(self.azure, path, api_version=GROUPS)
        ]
        return sorted(found, key=lambda each: each.name.lower())

    @translates_errors
    def workspaces(self, subscription: str, resource_group: str) -> Sequence[Workspace]:
        """Return the hubs, projects and workspaces of a resource group by name."""
        path = f"{group_path(subscription, resource_group)}/{PROVIDER}"
        found = [workspace_of(each) for each in listed(self.azure, path, api_version=WORKSPACES)]
        return sorted(found, key=lambda each: each.name.lower())


def _subscription(found: Subscription) -> Choice:
    state = "" if found.state == _ENABLED else found.state
    return Choice(value=found.id, title=found.name, detail=state, item=found)


def _group(found: ResourceGroup) -> Choice:
    return Choice(value=found.name, title=found.name, detail=found.region, item=found)


def _workspace(found: Workspace) -> Choice:
    what = {
        WorkspaceKind.PROJECT: f"project of hub {found.hub or '?'}",
        WorkspaceKind.HUB: "hub: holds projects",
        WorkspaceKind.WORKSPACE: "Azure Machine Learning workspace",
        WorkspaceKind.OTHER: "another kind of workspace",
    }
    state = "" if found.state == _SUCCEEDED else found.state
    said = [found.name, what[found.kind], found.region, state]
    return Choice(
        value=found.name,
        title=found.title,
        detail=" · ".join(each for each in said if each),
        kind=found.kind,
        usable=found.usable,
        item=found,
    )
