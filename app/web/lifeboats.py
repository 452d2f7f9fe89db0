"""Lifeboats for people: what a provider has, how far it has come home, and each job with its recorded answers."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.connections import Connection
from app.domain.errors import DomainError
from app.domain.evaluations import EvaluationStatus
from app.domain.lifeboats import LifeboatStatus, RescuedJob
from app.http.dependencies import OpenScope, may, may_open
from app.http.fields import Id
from app.services import connections, datasets, evaluations, lifeboats, projects
from app.services.scope import Scope
from app.web.layout import chosen_project
from app.web.presses import pressed
from app.web.rendering import Fields, field_errors, page, see_other, status_of
from app.web.views.parts import Lenient
from app.web.views.wizard import options

router = APIRouter(include_in_schema=False)
_LISTED = 100


@router.get("/connections/{connection}/lifeboats")
def ask(request: Request, scope: Annotated[Scope, may(lifeboats.foresee)], connection: Id) -> Response:
    """What there is to bring home, asked of the provider now, and what that would take."""
    found = chosen_project(request, scope)
    return _form(request, scope, connection, {"project": found.id if found else ""})


@router.post("/connections/{connection}/lifeboats")
def begin(
    request: Request, open_scope: Annotated[OpenScope, may_open(lifeboats.begin)], connection: Id, form: Fields
) -> Response:
    """Begin; pressed twice, it is the same lifeboat."""
    rows = form.get("rows", "").strip()
    try:
        with open_scope() as scope:
            asked = int(rows) if rows.isdecimal() and len(rows) < 10 else -1  # noqa: PLR2004 -- more is out of range
            boat = lifeboats.begin(scope, connection, form.get("project", ""), asked if rows else 0)
            return see_other(f"/lifeboats/{boat.id}", "lifeboat_begun")
    except DomainError as error:
        with open_scope() as scope:
            return _form(request, scope, connection, form, error)


@router.get("/lifeboats/{identifier}")
def show(
    request: Request,
    scope: Annotated[Scope, may(lifeboats.get)],
    identifier: Id,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """How far a lifeboat is, and the jobs that it has found."""
    voyage = lifeboats.get(scope, identifier)
    context = {
        "voyage": voyage,
        "boat": voyage.lifeboat,
        "moving": voyage.lifeboat.status is LifeboatStatus.RUNNING,
        "connection": _connection(scope, voyage.lifeboat.connection),
        "jobs": lifeboats.rescued_jobs(scope, identifier, cursor=cursor),
    }
    return page(request, scope, "lifeboats/show.html", context)


@router.get("/rescued-jobs/{identifier}")
def show_job(
    request: Request,
    scope: Annotated[Scope, may(lifeboats.rescued)],
    identifier: Id,
    evaluation: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """One rescued job: what of it is here, its curves' ends, its answers, and those of another model beside them."""
    found = lifeboats.rescued(scope, identifier)
    context: dict[str, Any] = {"found": found, "comparison": None, "chosen": evaluation, "errors": []}
    if evaluation:
        try:
            context["comparison"] = lifeboats.compare(scope, identifier, evaluation)
        except DomainError as error:
            context["errors"] = field_errors(error)
    return page(request, scope, "lifeboats/job.html", {**context, **_beside(scope, found)})


@router.post("/rescued-jobs/{identifier}/draft")
def train_again(
    request: Request, scope: Annotated[Scope, may(lifeboats.train_again)], identifier: Id, form: Fields
) -> Response:
    """Begin a draft with what the job was trained with."""

    def drafted() -> Response:
        return see_other(f"/wizard/{lifeboats.train_again(scope, identifier).id}/project", "train_again")

    return pressed(scope, request.url.path, form, drafted)


def _form(
    request: Request, scope: Scope, connection: str, given: Mapping[str, str], error: DomainError | None = None
) -> Response:
    where = connections.get(scope, connection)
    errors = [] if error is None else field_errors(error)
    foreseen = None
    try:
        foreseen = lifeboats.foresee(scope, connection)
    except DomainError as failed:
        errors += field_errors(failed)
        error = error or failed
    context = {
        "connection": where,
        "foreseen": foreseen,
        "projects": options(projects.list_projects(scope, limit=_LISTED).items),
        "boats": lifeboats.list_lifeboats(scope, connection=connection).items,
        "given": Lenient({"rows": "0", **given}),
        "most": lifeboats.MAX_ROWS,
        "errors": errors,
    }
    return page(request, scope, "lifeboats/form.html", context, status=200 if error is None else status_of(error))


def _connection(scope: Scope, identifier: str | None) -> Connection | None:
    """Return a connection; None once it was deleted."""
    return next((each for each in connections.list_connections(scope) if each.id == identifier), None)


def _beside(scope: Scope, found: RescuedJob) -> dict[str, object]:
    ids = [each for each in (found.training_dataset, found.validation_dataset) if each]
    last = {point.name: point for point in sorted(found.curves, key=lambda each: each.step)}
    held_out = found.held_out
    recent = evaluations.list_evaluations(scope, limit=_LISTED).items
    of_rows = [each for each in recent if each.dataset == held_out and each.status is EvaluationStatus.SUCCEEDED]
    return {"datasets": datasets.many(scope, ids), "last": list(last.values()), "evaluations": of_rows}
