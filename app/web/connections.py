"""Pages of connections: making them, changing them, the doctor, and signing in by a code."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.actors import Role
from app.domain.catalog import CatalogModel
from app.domain.connection_kinds import ConnectionKind
from app.domain.connections import Connection
from app.domain.errors import DomainError
from app.http.dependencies import OpenScope, may, may_open
from app.http.fields import Id
from app.services import adopting, catalog, connections, lifeboats, orphans, prices, sign_in
from app.services.scope import Scope
from app.web.presses import pressed
from app.web.rendering import (
    Fields,
    field_errors,
    page,
    see_other,
    status_of,
)
from app.web.views import connections as view
from app.web.views.parts import FieldError

router = APIRouter(include_in_schema=False)
_ASK_AGAIN = "fields"


@router.get("/connections")
def index(request: Request, scope: Annotated[Scope, may(connections.list_connections)]) -> Response:
    """All connections, and the kinds that can be made."""
    found = [connections.shown(scope, each) for each in connections.list_connections(scope)]
    kinds = scope.backends.kinds
    connected = any(scope.backends.kind(each.backend) for each in found)
    runs_in = {each.id: "".join(value for _, value in _chosen_steps(scope, each)[-1:]) for each in found}
    context = {"connections": found, "kinds": kinds, "connected": connected, "runs_in": runs_in}
    return page(request, scope, "connections/index.html", context)


@router.get("/connections/new")
def new(
    request: Request,
    scope: Annotated[Scope, may(connections.kind_of)],
    backend: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """An empty form for a connection of a kind."""
    kind = connections.kind_of(scope, backend)
    form = view.form_of(kind, {}, (), name=kind.profile.title, slots=str(kind.profile.slots))
    return page(request, scope, "connections/form.html", {"form": form, "connection": None, "errors": []})


@router.post("/connections/new")
def create(request: Request, scope: Annotated[Scope, may(connections.create)], form: Fields) -> Response:
    """Make a connection; or, where only another way to sign in was chosen, ask for what that one needs."""
    kind = connections.kind_of(scope, form.get("backend", ""))
    if form.get("goto") == _ASK_AGAIN:
        return _form(request, scope, kind, form, ())
    try:
        return pressed(scope, request.url.path, form, lambda: _created(scope, kind, form))
    except DomainError as error:
        return _form(request, scope, kind, form, field_errors(error), status=status_of(error))


def _created(scope: Scope, kind: ConnectionKind, form: Mapping[str, str]) -> Response:
    settings, secrets = view.typed(form)
    made = connections.create(
        scope,
        backend=kind.profile.id,
        name=form.get("name", ""),
        settings=settings,
        secrets=secrets,
        slots=view.whole(form.get("slots", "")),
    )
    return see_other(f"/connections/{made.id}", "connection_made")


@router.post("/connections/fields")
def fields(request: Request, scope: Annotated[Scope, may(connections.kind_of)], form: Fields) -> Response:
    """What the chosen way to sign in asks for, in place of what another one asked for; stores nothing."""
    kind = connections.kind_of(scope, form.get("backend", ""))
    found = connections.whole(scope, form["connection"]) if form.get("connection") else None
    shown = _filled(kind, form, (), found)
    return page(request, scope, "connections/_fields_again.html", {"form": shown, "connection": found})


@router.get("/connections/{connection}")
def show(request: Request, scope: Annotated[Scope, may(connections.get)], connection: Id) -> Response:
    """One connection: what the doctor found, where its jobs run, what can be trained there."""
    return _shown(request, scope, connections.get(scope, connection), [])


@router.post("/connections/{connection}/doctor")
def doctor(scope: Annotated[Scope, may(connections.run_doctor)], connection: Id) -> Response:
    """Run the checks."""
    connections.run_doctor(scope, connection)
    return see_other(f"/connections/{connection}#doctor", "doctor_done")


@router.post("/connections/{connection}")
def rename(
    request: Request, open_scope: Annotated[OpenScope, may_open(connections.update)], connection: Id, form: Fields
) -> Response:
    """Change the name; lifts a pause."""
    try:
        with open_scope() as scope:
            connections.update(scope, connection, name=form.get("name", ""))
    except DomainError as error:
        with open_scope() as scope:  # the page asks the backend, which no write transaction may wait for
            found = connections.get(scope, connection)
            return _shown(request, scope, found, field_errors(error), status=status_of(error))
    return see_other(f"/connections/{connection}")


@router.get("/connections/{connection}/edit")
def edit(request: Request, scope: Annotated[Scope, may(connections.whole)], connection: Id) -> Response:
    """The form with what is set; secrets are never shown, and kept where they are left empty."""
    found = connections.whole(scope, connection)
    kind = connections.kind_of(scope, found.backend)
    form = view.form_of(kind, found.settings, (), kept=found.has_secrets, name=found.name, slots=str(found.slots))
    return page(request, scope, "connections/form.html", {"form": form, "connection": found, "errors": []})


@router.post("/connections/{connection}/edit")
def save(request: Request, scope: Annotated[Scope, may(connections.update)], connection: Id, form: Fields) -> Response:
    """Store the settings, and the secrets that were typed."""
    found = connections.get(scope, connection)
    kind = connections.kind_of(scope, found.backend)
    if form.get("goto") == _ASK_AGAIN:
        return _form(request, scope, kind, form, (), connection=found)
    settings, secrets = view.typed(form)
    try:
        connections.update(
            scope,
            connection,
            name=form.get("name", ""),
            slots=view.whole(form.get("slots", "")),
            settings=settings,
            secrets=secrets,
        )
    except DomainError as error:
        return _form(request, scope, kind, form, field_errors(error), connection=found, status=status_of(error))
    return see_other(f"/connections/{connection}", "connection_saved")


@router.get("/connections/{connection}/delete")
def ask_to_delete(request: Request, scope: Annotated[Scope, may(connections.whole)], connection: Id) -> Response:
    """Ask before forgetting, for browsers without scripts."""
    question = view.deletion(connections.whole(scope, connection))
    return page(request, scope, "confirm.html", {"question": question})


@router.post("/connections/{connection}/delete")
def delete(scope: Annotated[Scope, may(connections.delete)], connection: Id) -> Response:
    """Forget the connection."""
    connections.delete(scope, connection)
    return see_other("/connections", "connection_deleted")


@router.post("/connections/{connection}/sign-in")
def begin_sign_in(scope: Annotated[Scope, may(sign_in.begin)], connection: Id) -> Response:
    """Ask for a code, which the connection's page then shows."""
    sign_in.begin(scope, connection)
    return see_other(f"/connections/{connection}#sign-in")


def _filled(
    kind: ConnectionKind, form: Mapping[str, str], errors: Sequence[FieldError], connection: Connection | None
) -> view.ConnectionForm:
    settings, _secrets = view.typed(form)
    return view.form_of(
        kind,
        settings,
        errors,
        kept=connection is not None and connection.has_secrets,
        name=form.get("name", ""),
        slots=form.get("slots", ""),
    )


def _form(
    request: Request,
    scope: Scope,
    kind: ConnectionKind,
    form: Mapping[str, str],
    errors: Sequence[FieldError],
    *,
    connection: Connection | None = None,
    status: int = 200,
) -> Response:
    context = {"form": _filled(kind, form, errors, connection), "connection": connection, "errors": errors}
    return page(request, scope, "connections/form.html", context, status=status)


def _shown(
    request: Request, scope: Scope, found: Connection, errors: Sequence[FieldError], *, status: int = 200
) -> Response:
    administers = scope.actor.role is not Role.PERSON
    found = connections.shown(scope, found)
    kind = scope.backends.kind(found.backend) if administers else None
    context = {
        "connection": found,
        "kind": kind,
        "settings": view.settings_of(kind, found),
        "sign_in": sign_in.state(scope, found) if kind else None,
        "chosen_steps": _chosen_steps(scope, found) if administers else [],
        "leaves_things": administers and orphans.can_report(scope, found),
        "shows_account": administers and adopting.can_adopt(scope, found),
        "tells_limits": administers and prices.can_tell_quotas(scope, found),
        "tells_history": administers and lifeboats.can_begin(scope, found),
        "models": _models(scope, found.id),
        "uses": connections.uses(scope, found.id),
        "errors": errors,
    }
    return page(request, scope, "connections/connection.html", context, part="connections/_sign_in.html", status=status)


def _chosen_steps(scope: Scope, found: Connection) -> list[tuple[str, str]]:
    """Return (label, value) of each step that leads to where a connection's jobs run."""
    kind = scope.backends.kind(found.backend)
    return [(each.field.label, found.settings.get(each.setting, "")) for each in kind.steps] if kind else []


def _models(scope: Scope, identifier: str) -> Sequence[CatalogModel]:
    """Return what can be trained there; nothing where nobody answers: the page says why by its doctor."""
    try:
        return catalog.search(scope, connection=identifier)
    except DomainError:
        return ()
