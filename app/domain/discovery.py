"""What an account can see at a provider, to choose from; and what can be made there when it is missing.

Names follow Azure's rules, which are the only ones so far: a subscription holds resource groups, a group holds
workspaces, and a project is a workspace that belongs to a hub.
"""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import Problem
from app.domain.profiles import Ability

SUBSCRIPTION_PATTERN = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules (resource groups, workspaces)
GROUP_PATTERN = r"[-\w.()]{0,89}[-\w()]"
WORKSPACE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}"
REGION_PATTERN = r"[a-z0-9]{2,40}"


class WorkspaceKind(StrEnum):
    """What a workspace is. Jobs run in a project, or in a workspace of Azure Machine Learning."""

    PROJECT = "project"
    HUB = "hub"
    WORKSPACE = "workspace"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription that the account sees; `state` in the provider's own word."""

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
    """A workspace of a resource group. `hub` is the name of the hub that a project belongs to."""

    name: str
    title: str
    kind: WorkspaceKind
    region: str
    resource_group: str
    hub: str | None = None
    state: str = ""

    @property
    def usable(self) -> bool:
        """Whether jobs can run in it."""
        return self.kind in {WorkspaceKind.PROJECT, WorkspaceKind.WORKSPACE}


class Discovers(Ability):
    """To list what the account can see; each call returns within seconds and raises nothing but BackendError."""

    @abstractmethod
    def subscriptions(self) -> Sequence[Subscription]:
        """Return the subscriptions."""

    @abstractmethod
    def resource_groups(self, subscription: str) -> Sequence[ResourceGroup]:
        """Return the resource groups of a subscription."""

    @abstractmethod
    def workspaces(self, subscription: str, resource_group: str) -> Sequence[Workspace]:
        """Return the hubs, projects and workspaces of a resource group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceAddress:
    """Where something is to be made, and how it is to be called."""

    subscription: str
    resource_group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRequest:
    """A hub to be made, with the storage account and the key vault that it needs."""

    address: WorkspaceAddress
    region: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRequest:
    """A project to be made in a hub of the same resource group."""

    address: WorkspaceAddress
    hub: str
    title: str = ""


class ProvisioningStatus(StrEnum):
    """Where the making of a hub or a project stands."""

    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """A hub or a project that is being made, as one look finds it."""

    kind: WorkspaceKind
    address: WorkspaceAddress
    status: ProvisioningStatus
    message: str = ""
    raw_status: str = ""

    @property
    def name(self) -> str:
        """Its name."""
        return self.address.name


class ProvisionsProjects(Ability):
    """To make what is missing. A repeat finds what the first call began, and nothing of others is changed."""

    @abstractmethod
    def make_hub(self, request: HubRequest) -> None:
        """Begin to make a hub.

        Raises:
            Rejected: when something else has its name.
        """

    @abstractmethod
    def make_project(self, request: ProjectRequest) -> None:
        """Begin to make a project.

        Raises:
            Rejected: when something else has its name, or its hub is not there.
        """

    @abstractmethod
    def making(self, kind: WorkspaceKind, address: WorkspaceAddress) -> Provisioning:
        """Look at what is being made."""


def check_address(address: WorkspaceAddress) -> list[Problem]:
    """Return what is wrong with a place: each part against the provider's rule for it."""
    rules = (
        (SUBSCRIPTION_PATTERN, address.subscription, "/subscription", "The subscription", "Enter its id, a GUID."),
        (
            GROUP_PATTERN,
            address.resource_group,
            "/resource_group",
            "The resource group",
            "Use letters, digits, hyphens, underscores, parentheses and full stops, 90 at most.",
        ),
        (
            WORKSPACE_PATTERN,
            address.name,
            "/name",
            "The name",
            "Use 3 to 33 letters, digits, hyphens and underscores, a letter or digit first.",
        ),
    )
    return [one for rule in rules if (one := _check(*rule)) is not None]


def check_hub(request: HubRequest) -> list[Problem]:
    """Return what is wrong with a wish for a hub."""
    fix = "Enter the region's short name, for example eastus2."
    region = _check(REGION_PATTERN, request.region, "/region", "The region", fix)
    return [*check_address(request.address), *([region] if region else [])]


def check_project(request: ProjectRequest) -> list[Problem]:
    """Return what is wrong with a wish for a project."""
    hub = _check(WORKSPACE_PATTERN, request.hub, "/hub", "The hub", "Choose a hub of the same resource group.")
    return [*check_address(request.address), *([hub] if hub else [])]


def _check(pattern: str, value: str, pointer: str, label: str, fix: str) -> Problem | None:
    if not value:
        return Problem(pointer, "missing", f"{label} is missing.", fix)
    if not re.fullmatch(pattern, value):
        return Problem(pointer, "invalid", f"{label} does not look right.", fix)
    return None
