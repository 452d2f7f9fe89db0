"""REST on the audit."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response, StreamingResponse

from app.api.answers import answer, page
from app.api.routing import noun
from app.api.shapes.audit import AuditExportQuery, AuditOut, AuditQuery, AuditVerdictOut
from app.api.shapes.common import list_of
from app.http.audit_files import whole_audit
from app.http.dependencies import OpenScope, may, may_open
from app.services import audit
from app.services.scope import Scope

router = noun("audit", asks=False)
_FILES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-ndjson": {}, "text/csv": {}}}}


@router.get("", response_model=list_of(AuditOut))
def list_audit(scope: Annotated[Scope, may(audit.entries)], query: Annotated[AuditQuery, Query()]) -> Response:
    """Who did what, newest first."""
    found = audit.entries(scope, actor=query.actor, subject=query.subject, limit=query.limit, cursor=query.cursor)
    return page(AuditOut, found)


@router.get("/verification", response_model=AuditVerdictOut)
def verify_audit(scope: Annotated[Scope, may(audit.verify)]) -> Response:
    """Look through the whole chain: was anything changed, put in or taken out?"""
    return answer(AuditVerdictOut, audit.verify(scope))


@router.get("/export", response_class=StreamingResponse, responses=_FILES)
def export_audit(
    open_scope: Annotated[OpenScope, may_open(audit.after)], query: Annotated[AuditExportQuery, Query()]
) -> Response:
    """All of it, oldest first, as JSON Lines or CSV."""
    return whole_audit(open_scope, query.form)
