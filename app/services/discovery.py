"""Verbs on what a connection's account can see: listing it, choosing from it, and making what is missing."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.domain.backend import Backend, Rejected
from app.domain.connections import Connection
from app.domain.discovery import (
    Discovers,
    HubRequest,
    ProjectRequest,
    Provisioning,
    ProvisionsProjects,
    ResourceGroup,
    Subscription,
    Workspace,
    WorkspaceAddress,
    WorkspaceKind,
    check_address,
    check_hub,
    check_project,
)
from app.domain.errors import Conflict, Invalid, Problem
from app.services import connections, verbs
from app.services.provider_errors import provider_errors
from app.services.scope import Scope

T = TypeVar("T")


@verbs.reads("connections")
def can_discover(scope: Scope, connection: Connection) -> bool:
    """Tell whether there is anything to choose from; False too where its secrets cannot be opened."""
    return scope.backends.opened(connection, Discovers) is not None


@verbs.reads("connections")
def subscriptions(scope: Scope, identifier: str) -> Sequence[Subscription]:
    """Return the subscriptions that the account sees."""
    where = _discovering(scope, identifier)
    return _asked(where.subscriptions)


@verbs.reads("connections")
def resource_groups(scope: Scope, identifier: str, subscription: str | None = None) -> Sequence[ResourceGroup]:
    """Return the resource groups of a subscription, the connection's own unless one is named."""
    where = _discovering(scope, identifier)
    wanted = _setting(scope, identifier, "subscription_id", subscription, "?subscription")
    return _asked(lambda: where.resource_groups(wanted))


@verbs.reads("connections")
def workspaces(
    scope: Scope, identifier: str, subscription: str | None = None, resource_group: str | None = None
) -> Sequence[Workspace]:
    """Return the hubs, projects and workspaces of a resource group, the connection's own unless one is named."""
    where = _discovering(scope, identifier)
    wanted = _setting(scope, identifier, "subscription_id", subscription, "?subscription")
    group = _setting(scope, identifier, "resource_group", resource_group, "?resource_group")
    return _asked(lambda: where.workspaces(wanted, group))


@verbs.administers("connections")
def choose(scope: Scope, identifier: str, address: WorkspaceAddress) -> Connection:
    """Let the connection's jobs run in a project; what else is set stays.

    Raises:
        Invalid: with every problem at once.
    """
    problems = check_address(address)
    if problems:
        raise Invalid(problems)
    kept = connections.get(scope, identifier).settings
    chosen = {
        "subscription_id": address.subscription,
        "resource_group": address.resource_group,
        "workspace": address.name,
    }
    return connections.update(scope, identifier, settings={**kept, **chosen})


@verbs.administers("connections")
def make_hub(scope: Scope, identifier: str, request: HubRequest) -> Provisioning:
    """Begin to make a hub; where it stands is read by `making`.

    Raises:
        Invalid: when the wish is wrong, or something else has its name.
        ProviderFailed: when the provider does not take it.
    """
    where = _making(scope, identifier, check_hub(request))
    _asked(lambda: where.make_hub(request))
    return _asked(lambda: where.making(WorkspaceKind.HUB, request.address))


@verbs.administers("connections")
def make_project(scope: Scope, identifier: str, request: ProjectRequest) -> Provisioning:
    """Begin to make a project; where it stands is read by `making`.

    Raises:
        Invalid: when the wish is wrong, or something else has its name.
        ProviderFailed: when the provider does not take it.
    """
    where = _making(scope, identifier, check_project(request))
    _asked(lambda: where.make_project(request))
    return _asked(lambda: where.making(WorkspaceKind.PROJECT, request.address))


@verbs.reads("connections")
def making(scope: Scope, identifier: str, kind: WorkspaceKind, address: WorkspaceAddress) -> Provisioning:
    """Return where the making of a hub or project stands."""
    where = _making(scope, identifier, check_address(address))
    return _asked(lambda: where.making(kind, address))


def _backend(scope: Scope, identifier: str) -> Backend:
    backend = scope.backends.of(connections.get(scope, identifier))
    scope.release()
    return backend


def _discovering(scope: Scope, identifier: str) -> Discovers:
    backend = _backend(scope, identifier)
    if not isinstance(backend, Discovers):
        raise Conflict("There is nothing to choose from on this connection.", fix="It needs no further settings.")
    return backend


def _making(scope: Scope, identifier: str, problems: Sequence[Problem]) -> ProvisionsProjects:
    backend = _backend(scope, identifier)
    if not isinstance(backend, ProvisionsProjects):
        raise Conflict("Nothing can be made on this connection.", fix="It needs no project.")
    if problems:
        raise Invalid(problems)
    return backend


def _setting(scope: Scope, identifier: str, name: str, given: str | None, pointer: str) -> str:
    value = given or connections.get(scope, identifier).settings.get(name)
    if not value:
        fix = "Name it in the query, or choose it for the connection first."
        raise Invalid([Problem(pointer, "unset", "It is not said where to look.", fix)])
    return value


def _asked(ask: Callable[[], T]) -> T:
    with provider_errors():
        try:
            return ask()
        except Rejected as error:
            fix = error.fix or "Change it, and try again."
            raise Invalid([Problem("/name", "rejected", error.detail, fix)]) from error
