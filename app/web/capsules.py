"""A job's capsule: downloaded, run again, and brought back as a file."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import DomainError
from app.http.dependencies import OpenScope, may, may_open
from app.http.downloads import text_attachment
from app.http.fields import Id
from app.http.idempotency import once
from app.http.json_body import read_json
from app.services import capsule_import, capsules, connections, projects
from app.services.scope import Scope
from app.web.rendering import (
    Fields,
    Form,
    field_errors,
    fresh_key,
    page,
    see_other,
    status_of,
    upload_of,
)
from app.web.views.parts import Lenient
from app.web.views.wizard import options

router = APIRouter(include_in_schema=False)


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
        body = upload_of(form, "file").file.read()  # the guard lets a megabyte in
        content = b"\0".join([given.get("project", "").encode(), given.get("connection", "").encode(), body])
        grant = once("POST /jobs/from-capsule", given.get("idempotency_key"), content)
        with open_scope() as scope:
            return grant(scope, lambda: _made(scope, read_json(body), given))
    except DomainError as error:
        with open_scope() as scope:
            context = {**_context(scope, given), "errors": field_errors(error)}
            return page(request, scope, "jobs/from_capsule.html", context, status=status_of(error))


@router.get("/jobs/{identifier}/capsule")
def download(scope: Annotated[Scope, may(capsules.of_job)], identifier: Id) -> Response:
    """Everything that it takes to run the job again, and what came of it."""
    text = capsules.text(capsules.of_job(scope, identifier))
    return text_attachment(text, f"{identifier}.capsule.json", "application/json")


@router.post("/jobs/{identifier}/run-again")
def run_again(scope: Annotated[Scope, may(capsules.run_again)], identifier: Id, form: Fields) -> Response:
    """Make a new job with the same spec and the seed that was really taken, once per key."""
    grant = once("POST /jobs/{id}/run-again", form.get("idempotency_key"), identifier.encode())
    return grant(scope, lambda: see_other(f"/jobs/{capsules.run_again(scope, identifier).id}", "run_again"))


def _made(scope: Scope, value: object, given: dict[str, str]) -> Response:
    job = capsule_import.create(
        scope, value, project=given.get("project") or None, connection=given.get("connection") or None
    )
    return see_other(f"/jobs/{job.id}", "from_capsule")


def _context(scope: Scope, given: dict[str, str]) -> dict[str, object]:
    return {
        "projects": options(projects.list_projects(scope, limit=200).items),
        "connections": [(each.id, each.name) for each in connections.list_connections(scope)],
        "given": Lenient(given),
        "errors": [],
        "key": fresh_key(),
    }
