"""Pages of what others made on a connection's account: shown, taken into the record, and removed by its name."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import DomainError
from app.http.dependencies import OpenScope, may, may_open
from app.http.fields import Id
from app.services import adopting, datasets, projects
from app.services.scope import Scope
from app.web.layout import chosen_project
from app.web.rendering import Fields, field_errors, page, see_other, status_of
from app.web.views.parts import Lenient
from app.web.views.wizard import options

router = APIRouter(include_in_schema=False)
RemoteId = Annotated[str, Query(min_length=1, max_length=200)]
Label = Annotated[str, Query(max_length=300)]
_LISTED = 100


@router.get("/connections/{connection}/account")
def show(request: Request, scope: Annotated[Scope, may(adopting.report)], connection: Id) -> Response:
    """What is on the account now and not in the record, and the files that were adopted."""
    return page(request, scope, "adoptions/account.html", {"report": adopting.report(scope, connection)})


@router.get("/connections/{connection}/account/adopt")
def ask(
    request: Request,
    scope: Annotated[Scope, may(adopting.source)],
    connection: Id,
    kind: Literal["job", "file"],
    remote: RemoteId,
    label: Label = "",
) -> Response:
    """Ask for the project that a job or a file is to belong to."""
    found = chosen_project(request, scope)
    given = {"kind": kind, "remote": remote, "label": label, "project": found.id if found else ""}
    return _form(request, scope, connection, given)


@router.post("/connections/{connection}/account/jobs")
def adopt_job(
    request: Request, open_scope: Annotated[OpenScope, may_open(adopting.adopt_job)], connection: Id, form: Fields
) -> Response:
    """Adopt a job; pressed twice, it is the same one."""
    given = [form.get(name, "") for name in ("remote", "project", "name", "training_dataset")]
    try:
        with open_scope() as scope:
            made = adopting.adopt_job(scope, connection, *given)
            return see_other(f"/jobs/{made.id}", "adopted")
    except DomainError as error:
        with open_scope() as scope:
            return _form(request, scope, connection, {**form, "kind": "job"}, error)


@router.post("/connections/{connection}/account/files")
def adopt_file(
    request: Request, open_scope: Annotated[OpenScope, may_open(adopting.adopt_file)], connection: Id, form: Fields
) -> Response:
    """Adopt a file; pressed twice, it is the same dataset."""
    given = [form.get(name, "") for name in ("remote", "project", "name")]
    try:
        with open_scope() as scope:
            made = adopting.adopt_file(scope, connection, *given)
            return see_other(f"/datasets/{made.id}", "adopted")
    except DomainError as error:
        with open_scope() as scope:
            return _form(request, scope, connection, {**form, "kind": "file"}, error)


@router.get("/connections/{connection}/account/remove")
def ask_to_remove(
    request: Request,
    scope: Annotated[Scope, may(adopting.source)],
    connection: Id,
    remote: RemoteId,
    label: Label = "",
) -> Response:
    """Ask for an adopted file's name before it is removed there."""
    return _removal(request, scope, connection, {"remote": remote, "label": label})


@router.post("/connections/{connection}/account/remove")
def remove(
    request: Request, open_scope: Annotated[OpenScope, may_open(adopting.remove_file)], connection: Id, form: Fields
) -> Response:
    """Remove an adopted file at the provider once its name has been typed."""
    try:
        with open_scope() as scope:
            adopting.remove_file(scope, connection, form.get("remote", ""), form.get("confirm", ""))
            return see_other(f"/connections/{connection}/account", "orphan_removed")
    except DomainError as error:
        with open_scope() as scope:
            return _removal(request, scope, connection, form, error)


def _form(
    request: Request, scope: Scope, connection: str, given: Mapping[str, str], error: DomainError | None = None
) -> Response:
    context = {
        "connection": adopting.source(scope, connection),
        "projects": options(projects.list_projects(scope, limit=_LISTED).items),
        "datasets": options(datasets.ready(scope, limit=_LISTED)),
        "given": Lenient(given),
        "errors": [] if error is None else field_errors(error),
    }
    return page(request, scope, "adoptions/adopt.html", context, status=200 if error is None else status_of(error))


def _removal(
    request: Request, scope: Scope, connection: str, given: Mapping[str, str], error: DomainError | None = None
) -> Response:
    context = {
        "connection": adopting.source(scope, connection),
        "given": Lenient(given),
        "errors": [] if error is None else field_errors(error),
    }
    return page(request, scope, "adoptions/remove.html", context, status=200 if error is None else status_of(error))
