"""Workspaces as ARM tells them: hubs, projects, and workspaces of Azure Machine Learning."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from app.backends.azure_foundry.account.resources import Workspace, WorkspaceAddress, WorkspaceKind
from app.backends.azure_foundry.transport.paging import text

WORKSPACES = "2024-10-01"  # the first stable api-version with hubs and projects
GROUPS = "2021-04-01"
SUBSCRIPTIONS = "2022-12-01"
PROVIDER = "providers/Microsoft.MachineLearningServices/workspaces"
# The words of `kind`; ARM keeps the letters' case as they were written when the workspace was made.
_KINDS = {"project": WorkspaceKind.PROJECT, "hub": WorkspaceKind.HUB, "default": WorkspaceKind.WORKSPACE}


def group_path(subscription: str, resource_group: str) -> str:
    """Return the ARM path of a resource group."""
    return f"/subscriptions/{quote(subscription, safe='')}/resourceGroups/{quote(resource_group, safe='')}"


def workspace_path(address: WorkspaceAddress) -> str:
    """Return the ARM path of a workspace."""
    return f"{group_path(address.subscription, address.resource_group)}/{PROVIDER}/{quote(address.name, safe='')}"


def kind_of(reported: Mapping[str, Any]) -> WorkspaceKind:
    """Return what a workspace is; one without a kind is a workspace of Azure Machine Learning."""
    return _KINDS.get((text(reported, "kind") or "default").lower(), WorkspaceKind.OTHER)


def workspace_of(reported: Mapping[str, Any]) -> Workspace:
    """Return a workspace as a value."""
    parts = text(reported, "id").split("/")
    group = next((parts[n + 1] for n, part in enumerate(parts[:-1]) if part.lower() == "resourcegroups"), "")
    kind = kind_of(reported)
    return Workspace(
        name=text(reported, "name"),
        title=text(reported, "properties", "friendlyName") or text(reported, "name"),
        kind=kind,
        usable=kind in {WorkspaceKind.PROJECT, WorkspaceKind.WORKSPACE},
        region=text(reported, "location"),
        resource_group=group,
        hub=text(reported, "properties", "hubResourceId").rpartition("/")[2] or None,
        state=text(reported, "properties", "provisioningState"),
    )
