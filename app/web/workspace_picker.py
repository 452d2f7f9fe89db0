"""Pages on which a connection's project is chosen from what the account sees, or made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.discovery import HubRequest, ProjectRequest, WorkspaceAddress, WorkspaceKind
from app.domain.errors import DomainError
from app.http.dependencies import may
from app.http.fields import Id, Line
from app.http.idempotency import once
from app.services import connections, discovery
from app.services.scope import Scope
from app.web.rendering import (
    Fields,
    field_errors,
    fresh_key,
    page,
    see_other,
    sentence_of,
    status_of,
)
from app.web.views import connections as view
from app.web.views.parts import FieldError, Lenient

router = APIRouter(include_in_schema=False)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[T]):
    """What can be chosen, or why it cannot be told."""

    items: Sequence[T] = field(default_factory=tuple)
    problem: str = ""


@router.get("/connections/{connection}/choose")
def choose(
    request: Request,
    scope: Annotated[Scope, may(discovery.subscriptions)],
    connection: Id,
    subscription: Annotated[Line, Query()] = "",
    resource_group: Annotated[Line, Query()] = "",
) -> Response:
    """Subscriptions, then resource groups, then projects: each list says what the account sees."""
    return _page(request, scope, connection, subscription, resource_group)


@router.post("/connections/{connection}/choose")
def use(request: Request, scope: Annotated[Scope, may(discovery.choose)], connection: Id, form: Fields) -> Response:
    """Let jobs run in the project that was chosen."""
    address = _address(form)
    try:
        discovery.choose(scope, connection, address)
    except DomainError as error:
        return _again(request, scope, connection, form, error)
    return see_other(f"/connections/{connection}", "project_chosen")


@router.post("/connections/{connection}/hubs")
def make_hub(
    request: Request, scope: Annotated[Scope, may(discovery.make_hub)], connection: Id, form: Fields
) -> Response:
    """Begin to make a hub, and follow it on a page of its own."""
    address = _address(form)
    wanted = HubRequest(address=address, region=form.get("region", "").strip().lower())
    return _made(
        request, scope, connection, form, WorkspaceKind.HUB, lambda: discovery.make_hub(scope, connection, wanted)
    )


@router.post("/connections/{connection}/projects")
def make_project(
    request: Request, scope: Annotated[Scope, may(discovery.make_project)], connection: Id, form: Fields
) -> Response:
    """Begin to make a project, and follow it on a page of its own."""
    wanted = ProjectRequest(address=_address(form), hub=form.get("hub", ""))
    return _made(
        request,
        scope,
        connection,
        form,
        WorkspaceKind.PROJECT,
        lambda: discovery.make_project(scope, connection, wanted),
    )


@router.get("/connections/{connection}/making")
def making(
    request: Request,
    scope: Annotated[Scope, may(discovery.making)],
    connection: Id,
    kind: Annotated[WorkspaceKind, Query()],
    subscription: Annotated[Line, Query()],
    resource_group: Annotated[Line, Query()],
    name: Annotated[Line, Query()],
) -> Response:
    """Where the making stands; the page follows by itself until it is over."""
    address = WorkspaceAddress(subscription=subscription, resource_group=resource_group, name=name)
    found = connections.get(scope, connection)
    context = {
        "connection": found,
        "making": discovery.making(scope, connection, kind, address),
        "back": view.choosing_address(connection, subscription, resource_group),
    }
    return page(request, scope, "connections/making.html", context)


def _address(form: Mapping[str, str]) -> WorkspaceAddress:
    return WorkspaceAddress(
        subscription=form.get("subscription", ""),
        resource_group=form.get("resource_group", ""),
        name=form.get("name", "").strip(),
    )


def _made(
    request: Request,
    scope: Scope,
    connection: str,
    form: Mapping[str, str],
    kind: WorkspaceKind,
    make: Callable[[], object],
) -> Response:
    def grant() -> Response:
        make()
        return see_other(view.making_address(connection, kind, _address(form)))

    try:
        wanted = repr(sorted((name, value) for name, value in form.items() if name != "idempotency_key"))
        return once(f"POST /connections/{{connection}}/{kind.value}s", form.get("idempotency_key"), wanted.encode())(
            scope, grant
        )
    except DomainError as error:
        return _again(request, scope, connection, form, error, prefix=kind.value)


def _again(
    request: Request,
    scope: Scope,
    connection: str,
    form: Mapping[str, str],
    error: DomainError,
    *,
    prefix: str = "",
) -> Response:
    errors = [
        FieldError(field=f"{prefix}-{each.field}" if prefix and each.field else "", message=each.message)
        for each in field_errors(error)
    ]
    group, subscription = form.get("resource_group", ""), form.get("subscription", "")
    return _page(
        request, scope, connection, subscription, group, errors=errors, values=form, status=status_of(error), of=prefix
    )


def _page(  # noqa: PLR0913 -- what a page shows
    request: Request,
    scope: Scope,
    connection: str,
    subscription: str,
    resource_group: str,
    *,
    errors: Sequence[FieldError] = (),
    values: Mapping[str, str] | None = None,
    status: int = 200,
    of: str = "",
) -> Response:
    found = connections.get(scope, connection)
    own = found.settings
    subscription = subscription or own.get("subscription_id", "")
    same = subscription == own.get("subscription_id", "")
    group = resource_group or (own.get("resource_group", "") if same else "")
    subscriptions = _listed(lambda: discovery.subscriptions(scope, connection), "all")
    groups = _listed(lambda: discovery.resource_groups(scope, connection, subscription), subscription)
    workspaces = _listed(lambda: discovery.workspaces(scope, connection, subscription, group), subscription and group)
    context: dict[str, Any] = {
        "connection": found,
        "subscription": subscription,
        "resource_group": group,
        "subscriptions": subscriptions,
        "subscription_options": view.subscription_options(subscriptions.items),
        "groups": groups,
        "group_options": view.group_options(groups.items),
        "workspaces": workspaces,
        "hub_options": view.hub_options(workspaces.items),
        "errors": errors,
        "field_errors": Lenient({each.field: each.message for each in errors}),
        "values": Lenient({f"{of}-{name}": value for name, value in (values or {}).items()}),
        "key": fresh_key(),
    }
    return page(request, scope, "connections/choose.html", context, status=status)


def _listed(look: Callable[[], Sequence[T]], wanted: str) -> Listed[T]:
    """Return what `look` lists, once it is known where to look; a failure is told in place of the list."""
    if not wanted:
        return Listed()
    try:
        return Listed(items=look())
    except DomainError as error:
        return Listed(problem=sentence_of(error))
