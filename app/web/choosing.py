"""Pages on which it is chosen where a connection's jobs run, from what its account sees; or it is made there."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.discovery import Choice
from app.domain.errors import DomainError
from app.http.dependencies import may
from app.http.fields import Id, Line
from app.http.idempotency import once
from app.services import connections, discovery
from app.services.scope import Scope
from app.web.presses import fresh_key
from app.web.rendering import (
    Fields,
    field_errors,
    page,
    see_other,
    sentence_of,
    status_of,
)
from app.web.views import choosing as view
from app.web.views.parts import FieldError

router = APIRouter(include_in_schema=False)
Values = Mapping[str, str]


@router.get("/connections/{connection}/choose")
def choose(request: Request, scope: Annotated[Scope, may(discovery.choices)], connection: Id) -> Response:
    """One list after the other: each says what the account sees within what was chosen before."""
    return _page(request, scope, connection, request.query_params)


@router.post("/connections/{connection}/choose")
def use(request: Request, scope: Annotated[Scope, may(discovery.choose)], connection: Id, form: Fields) -> Response:
    """Let jobs run where the last choice leads."""
    steps = discovery.kind_of(scope, connection).steps
    try:
        discovery.choose(scope, connection, steps, {each.name: form.get(each.name, "") for each in steps})
    except DomainError as error:
        return _page(request, scope, connection, form, errors=field_errors(error), status=status_of(error))
    return see_other(f"/connections/{connection}", "project_chosen")


@router.post("/connections/{connection}/create/{name}")
def create(
    request: Request, scope: Annotated[Scope, may(discovery.make)], connection: Id, name: Line, form: Fields
) -> Response:
    """Begin to make something, and follow it on a page of its own."""
    kind = discovery.kind_of(scope, connection)
    creation = discovery.creation_of(kind, name)
    typed = {field: text.strip() for field, text in form.items()}
    wanted = repr(sorted((field, text) for field, text in form.items() if field != "idempotency_key"))

    def grant() -> Response:
        discovery.make(scope, connection, creation, kind.steps, typed)
        return see_other(view.making_address(connection, creation, kind.steps, typed))

    try:
        return once(f"POST /connections/{{connection}}/{creation.path}", form.get("idempotency_key"), wanted.encode())(
            scope, grant
        )
    except DomainError as error:
        errors = [
            FieldError(field=f"{name}-{each.field}" if each.field else "", message=each.message)
            for each in field_errors(error)
        ]
        return _page(request, scope, connection, typed, errors=errors, of=name, status=status_of(error))


@router.get("/connections/{connection}/making")
def making(
    request: Request, scope: Annotated[Scope, may(discovery.making)], connection: Id, kind: Annotated[Line, Query()]
) -> Response:
    """Where the making stands; the page follows by itself until it is over."""
    found = discovery.kind_of(scope, connection)
    creation, given = discovery.creation_of(found, kind), request.query_params
    values = discovery.values_of(scope, connection, found.steps, given)
    context = {
        "connection": connections.get(scope, connection),
        "provider": found.profile.title,
        "creation": creation,
        "making": discovery.making(scope, connection, creation, found.steps, values),
        "values": values,
        "within": values[found.steps[-2].name] if len(found.steps) > 1 else "",
        "back": view.choosing_address(connection, found.steps, values),
    }
    return page(request, scope, "connections/making.html", context)


def _page(
    request: Request,
    scope: Scope,
    connection: str,
    given: Values,
    *,
    errors: Sequence[FieldError] = (),
    of: str = "",
    status: int = 200,
) -> Response:
    """Show the lists as far as choices lead; `given` are choices, and the fields of the creation `of`."""
    kind, found = discovery.kind_of(scope, connection), connections.get(scope, connection)
    chosen = view.chosen(kind.steps, given, found.settings)
    lists = []
    for number, step in enumerate(kind.steps):
        if all(chosen[each.name] for each in kind.steps[:number]):
            items, problem = _listed(partial(discovery.choices, scope, connection, kind.steps[: number + 1], chosen))
            lists.append(view.StepList(step=step, value=chosen[step.name], items=items, problem=problem))
    whole = len(lists) == len(kind.steps) and not lists[-1].problem
    typed = {of: given} if of else {}
    context: dict[str, Any] = {
        "connection": found,
        "lists": lists,
        "chosen": chosen,
        "last": kind.steps[-1],
        "here": {each.name: found.settings.get(each.setting, "") for each in kind.steps},
        "forms": view.forms(kind.creations, lists[-1].items, typed, found.settings, errors) if whole else (),
        "errors": errors,
        "key": fresh_key(),
    }
    return page(request, scope, "connections/choose.html", context, status=status)


def _listed(look: Callable[[], Sequence[Choice]]) -> tuple[Sequence[Choice], str]:
    """Return what `look` lists; a failure is told in place of the list."""
    try:
        return look(), ""
    except DomainError as error:
        return (), sentence_of(error)
