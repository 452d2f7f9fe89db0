"""A job's capsule: downloaded, run again, and brought back as a file."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import DomainError
from app.domain.spending import CostNotAccepted
from app.http.dependencies import OpenScope, may, may_open
from app.http.downloads import text_attachment
from app.http.fields import Id
from app.http.idempotency import once
from app.http.json_body import read_json
from app.services import capsule_import, capsules, connections, jobs, projects
from app.services.scope import Scope
from app.web import spending
from app.web.i18n import gettext as _
from app.web.presses import fresh_key
from app.web.rendering import (
    Fields,
    Form,
    field_errors,
    page,
    see_other,
    status_of,
    upload_of,
)
from app.web.views import costs
from app.web.views.parts import Lenient, Question
from app.web.views.wizard import options

router = APIRouter(include_in_schema=False)
_HERE = "/jobs/from-capsule"
_CHOSEN = ("project", "connection", "base_model")


@router.get("/jobs/from-capsule")
def ask(
    request: Request,
    scope: Annotated[Scope, may(connections.list_connections)],
    project: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """A form for a capsule file."""
    return page(request, scope, "jobs/from_capsule.html", _context(scope, {"project": project}))


@router.post("/jobs/from-capsule")
def make(request: Request, open_scope: Annotated[OpenScope, may_open(capsule_import.create)], form: Form) -> Response:
    """Make the capsule's job, once per key; or say, all at once, what is missing here."""
    given = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        # Whoever is asked about the cost sends the file's text again; the guard lets a megabyte in.
        body = given["capsule"].encode() if given.get("capsule") else upload_of(form, "file").file.read()
        content = b"\0".join([*(given.get(name, "").encode() for name in _CHOSEN), body])
        grant = once("POST /jobs/from-capsule", given.get("idempotency_key"), content)
        with open_scope() as scope:
            return grant(scope, lambda: _made(scope, read_json(body), given))
    except CostNotAccepted as error:
        with open_scope() as scope:
            return _ask_first(request, scope, {**given, "capsule": body.decode()}, error)
    except DomainError as error:
        with open_scope() as scope:
            context = {**_context(scope, given), "errors": field_errors(error)}
            return page(request, scope, "jobs/from_capsule.html", context, status=status_of(error))


@router.get("/jobs/{identifier}/capsule")
def download(scope: Annotated[Scope, may(capsules.of_job)], identifier: Id) -> Response:
    """Everything that it takes to run the job again, and its results."""
    text = capsules.text(capsules.of_job(scope, identifier))
    return text_attachment(text, f"{identifier}.capsule.json", "application/json")


@router.get("/jobs/{identifier}/run-again")
def ask_to_run(request: Request, scope: Annotated[Scope, may(jobs.bill_of_retry)], identifier: Id) -> Response:
    """What it costs to run the same again, where that is billed."""
    return spending.ask_again(request, scope, identifier, "run-again", fresh_key())


@router.post("/jobs/{identifier}/run-again")
def run_again(
    request: Request, scope: Annotated[Scope, may(capsules.run_again)], identifier: Id, form: Fields
) -> Response:
    """Make a new job with the same spec and the seed that was really taken, once per key; ask first as a retry does."""
    grant = once("POST /jobs/{id}/run-again", form.get("idempotency_key"), identifier.encode())
    accepted = costs.accepted(form)
    try:
        return grant(
            scope,
            lambda: see_other(f"/jobs/{capsules.run_again(scope, identifier, accepted=accepted).id}", "run_again"),
        )
    except CostNotAccepted as error:
        return spending.ask_again(request, scope, identifier, "run-again", form["idempotency_key"], error)


def _made(scope: Scope, value: object, given: dict[str, str]) -> Response:
    job = capsule_import.create(
        scope,
        value,
        project=given.get("project") or None,
        connection=given.get("connection") or None,
        base_model=given.get("base_model") or None,
        accepted=costs.accepted(given),
    )
    return see_other(f"/jobs/{job.id}", "from_capsule")


def _ask_first(request: Request, scope: Scope, given: dict[str, str], error: CostNotAccepted) -> Response:
    kept = {name: given.get(name, "") for name in (*_CHOSEN, "capsule")}
    question = Question(
        title=_("Run this capsule?"),
        message=_("Everything it refers to is available here; a new job will be submitted."),
        action=_HERE,
        yes=_("Run it"),
        no=_("Do not start it"),
        back=_HERE,
        fields={**kept, "idempotency_key": fresh_key()},
    )
    return spending.ask(request, scope, question, error.bill, kept["connection"], come_back=_HERE, error=error)


def _context(scope: Scope, given: dict[str, str]) -> dict[str, object]:
    return {
        "projects": options(projects.list_projects(scope, limit=200).items),
        "connections": [(each.id, each.name) for each in connections.list_connections(scope)],
        "given": Lenient(given),
        "errors": [],
        "key": fresh_key(),
    }
