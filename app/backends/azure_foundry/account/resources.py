"""What an account sees at Azure: a subscription holds resource groups, a group holds workspaces, and a project is a
workspace that belongs to a hub.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class WorkspaceKind(StrEnum):
    """What a workspace is. Jobs run in a project, or in a workspace of Azure Machine Learning."""

    PROJECT = "project"
    HUB = "hub"
    WORKSPACE = "workspace"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription that the account sees; `state` in Azure's own word."""

    id: str
    name: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceGroup:
    """A resource group of a subscription."""

    name: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A hub, project or workspace; jobs run in it where it is `usable`. `hub`: the name of the hub of a project."""

    name: str
    title: str
    kind: WorkspaceKind
    usable: bool
    region: str
    resource_group: str
    hub: str | None = None
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceAddress:
    """Where something is to be made, and how it is to be called."""

    subscription: str
    resource_group: str
    name: str

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "WorkspaceAddress":
        """Return the address that a step's or a creation's values name."""
        return cls(subscription=values["subscription"], resource_group=values["resource_group"], name=values["name"])
