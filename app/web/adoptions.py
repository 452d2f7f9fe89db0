"""Pages of what others made on a connection's account: shown, taken into the record, and removed by its name."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.datasets import Dataset
from app.domain.errors import DomainError
from app.domain.jobs import FineTuningJob
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
_SHOWN = 200  # of each kind; a search finds the others
_ASKED = {"job": ("project", "name", "training_dataset"), "file": ("project", "name")}
_PAGES = {"job": "jobs", "file": "datasets"}


@router.get("/connections/{connection}/account")
def show(
    request: Request,
    scope: Annotated[Scope, may(adopting.report)],
    connection: Id,
    now: Literal["yes"] | None = None,
    q: Label = "",
) -> Response:
    """What is on the account now and not in the record, and the files that were adopted.

    Reading it takes its time: the page comes at once with its progress, and asks for the rest by itself (`now`).
    """
    if now is None:
        found = {"connection": adopting.source(scope, connection), "report": None}
        return page(request, scope, "adoptions/account.html", found)
    report, wanted = adopting.report(scope, connection), q.strip().lower()
    jobs = [each for each in report.jobs if _has(wanted, each.id, each.job.name, each.job.base_model)]
    files = [each for each in report.files if _has(wanted, each.id, each.name)]
    context = {
        "connection": report.connection,
        "report": report,
        "jobs": jobs[:_SHOWN],
        "files": files[:_SHOWN],
        "wanted": q.strip(),
    }
    return page(request, scope, "adoptions/account.html", context)


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
    return _adopted(request, open_scope, connection, form, "job", adopting.adopt_job)


@router.post("/connections/{connection}/account/files")
def adopt_file(
    request: Request, open_scope: Annotated[OpenScope, may_open(adopting.adopt_file)], connection: Id, form: Fields
) -> Response:
    """Adopt a file; pressed twice, it is the same dataset."""
    return _adopted(request, open_scope, connection, form, "file", adopting.adopt_file)


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


def _has(wanted: str, *names: str) -> bool:
    return any(wanted in name.lower() for name in names)


def _adopted(
    request: Request,
    open_scope: OpenScope,
    connection: str,
    form: Mapping[str, str],
    kind: str,
    adopt: Callable[..., FineTuningJob | Dataset],
) -> Response:
    """Adopt what the form names, and lead to it; or show the form again, with what is wrong."""
    given = {name: form.get(name, "") for name in _ASKED[kind]}
    try:
        with open_scope() as scope:
            made = adopt(scope, connection, form.get("remote", ""), **given)
            return see_other(f"/{_PAGES[kind]}/{made.id}", "adopted")
    except DomainError as error:
        with open_scope() as scope:
            return _form(request, scope, connection, {**form, "kind": kind}, error)


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
