"""Workspaces as ARM tells them: hubs, projects, and workspaces of Azure Machine Learning."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from app.backends.azure_foundry.listing import text
from app.domain.discovery import Place, Workspace, WorkspaceKind

WORKSPACES = "2024-10-01"  # the first stable api-version with hubs and projects
GROUPS = "2021-04-01"
SUBSCRIPTIONS = "2022-12-01"
PROVIDER = "providers/Microsoft.MachineLearningServices/workspaces"
# The words of `kind`; ARM keeps the letters' case as they were written when the workspace was made.
_KINDS = {"project": WorkspaceKind.PROJECT, "hub": WorkspaceKind.HUB, "default": WorkspaceKind.WORKSPACE}


def group_path(subscription: str, resource_group: str) -> str:
    """Return the ARM path of a resource group."""
    return f"/subscriptions/{quote(subscription, safe='')}/resourceGroups/{quote(resource_group, safe='')}"


def workspace_path(place: Place) -> str:
    """Return the ARM path of a workspace."""
    return f"{group_path(place.subscription, place.resource_group)}/{PROVIDER}/{quote(place.name, safe='')}"


def kind_of(told: Mapping[str, Any]) -> WorkspaceKind:
    """Return what a workspace is; one without a kind is a workspace of Azure Machine Learning."""
    return _KINDS.get((text(told, "kind") or "default").lower(), WorkspaceKind.OTHER)


def workspace_of(told: Mapping[str, Any]) -> Workspace:
    """Return a workspace as a value."""
    parts = text(told, "id").split("/")
    group = next((parts[n + 1] for n, part in enumerate(parts[:-1]) if part.lower() == "resourcegroups"), "")
    return Workspace(
        name=text(told, "name"),
        title=text(told, "properties", "friendlyName") or text(told, "name"),
        kind=kind_of(told),
        region=text(told, "location"),
        resource_group=group,
        hub=text(told, "properties", "hubResourceId").rpartition("/")[2] or None,
        state=text(told, "properties", "provisioningState"),
    )
