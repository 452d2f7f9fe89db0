"""REST on what a connection's account can see, and on making the hub and the project that are missing."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.api.answers import ACCEPTED, answer, listing
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.connections import (
    HubIn,
    InGroup,
    InSubscription,
    ProvisioningOut,
    WorkspaceOut,
    WorkspaceProjectIn,
)
from app.domain.discovery import ResourceGroup, Subscription, WorkspaceAddress, WorkspaceKind
from app.http.dependencies import may
from app.http.fields import Line
from app.http.idempotency import OnceDep
from app.services import connections, discovery
from app.services.scope import Scope

router = noun("connections")
Reads = Annotated[Scope, may(discovery.subscriptions)]
Administers = Annotated[Scope, may(discovery.make_hub)]


@router.get("/{identifier}/subscriptions", response_model=list_of(Subscription))
def list_subscriptions(scope: Reads, identifier: PathId) -> Response:
    """The subscriptions that the account sees."""
    return listing(Subscription, discovery.subscriptions(scope, identifier))


@router.get("/{identifier}/resource-groups", response_model=list_of(ResourceGroup))
def list_resource_groups(scope: Reads, identifier: PathId, wanted: Annotated[InSubscription, Query()]) -> Response:
    """The resource groups of a subscription."""
    return listing(ResourceGroup, discovery.resource_groups(scope, identifier, wanted.subscription))


@router.get("/{identifier}/workspaces", response_model=list_of(WorkspaceOut))
def list_workspaces(scope: Reads, identifier: PathId, wanted: Annotated[InGroup, Query()]) -> Response:
    """The hubs, projects and workspaces of a resource group."""
    found = discovery.workspaces(scope, identifier, wanted.subscription, wanted.resource_group)
    return listing(WorkspaceOut, found)


@router.post("/{identifier}/hubs", response_model=ProvisioningOut, status_code=ACCEPTED)
def create_hub(scope: Administers, identifier: PathId, body: HubIn, once: OnceDep) -> Response:
    """Begin to make a hub, with its storage account and key vault; a repeat finds what the first call began."""
    return once(scope, lambda: answer(ProvisioningOut, discovery.make_hub(scope, identifier, body.request()), ACCEPTED))


@router.post("/{identifier}/projects", response_model=ProvisioningOut, status_code=ACCEPTED)
def create_workspace_project(
    scope: Administers, identifier: PathId, body: WorkspaceProjectIn, once: OnceDep
) -> Response:
    """Begin to make a project in a hub; a repeat finds what the first call began."""
    return once(
        scope, lambda: answer(ProvisioningOut, discovery.make_project(scope, identifier, body.request()), ACCEPTED)
    )


@router.get("/{identifier}/hubs/{name}", response_model=ProvisioningOut)
def get_hub(scope: Reads, identifier: PathId, name: Line, wanted: Annotated[InGroup, Query()]) -> Response:
    """Where the making of a hub stands."""
    address = _address(scope, identifier, name, wanted)
    return answer(ProvisioningOut, discovery.making(scope, identifier, WorkspaceKind.HUB, address))


@router.get("/{identifier}/projects/{name}", response_model=ProvisioningOut)
def get_workspace_project(
    scope: Reads, identifier: PathId, name: Line, wanted: Annotated[InGroup, Query()]
) -> Response:
    """Where the making of a project stands."""
    address = _address(scope, identifier, name, wanted)
    return answer(ProvisioningOut, discovery.making(scope, identifier, WorkspaceKind.PROJECT, address))


def _address(scope: Scope, identifier: str, name: str, wanted: InGroup) -> WorkspaceAddress:
    own = connections.get(scope, identifier).settings
    return WorkspaceAddress(
        subscription=wanted.subscription or own.get("subscription_id", ""),
        resource_group=wanted.resource_group or own.get("resource_group", ""),
        name=name,
    )
