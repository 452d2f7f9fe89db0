"""The page of the audit: who did what, whether the chain is whole, and all of it as a file."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.http.audit_files import AuditForm, whole_audit
from app.http.dependencies import OpenScope, may, may_open
from app.services import audit, people
from app.services.scope import Scope
from app.web.rendering import page
from app.web.views import audit as view

router = APIRouter(include_in_schema=False)


@router.get("/settings/audit")
def index(
    request: Request,
    scope: Annotated[Scope, may(audit.entries)],
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    actor: Annotated[str, Query(max_length=200)] = "",
    subject: Annotated[str, Query(max_length=60)] = "",
    verify: Annotated[bool, Query()] = False,  # noqa: FBT002 -- a query
) -> Response:
    """The audit, newest first; `verify` looks through all of it."""
    ids = {each.name: each.id for each in people.list_people(scope)} if actor or subject else {}
    found = audit.entries(
        scope, actor=ids.get(actor.strip(), actor), subject=ids.get(subject.strip(), subject), cursor=cursor
    )
    names = people.names(scope, view.people_in(found.items))
    context = {
        "found": found,
        "lines": [view.line(each, names) for each in found.items],
        "actor": actor,
        "subject": subject,
        "older": view.older(found.next, actor, subject),
        "verdict": audit.verify(scope) if verify else None,
    }
    return page(request, scope, "settings/audit.html", context)


@router.get("/settings/audit/export")
def export(open_scope: Annotated[OpenScope, may_open(audit.after)], form: AuditForm = AuditForm.CSV) -> Response:
    """All of it as a file."""
    return whole_audit(open_scope, form)
