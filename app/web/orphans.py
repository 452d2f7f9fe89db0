"""Pages of what is at a provider with our mark on it, and the removal of what nobody here knows."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import Invalid
from app.http.dependencies import may
from app.http.fields import Id
from app.services import orphans
from app.services.scope import Scope
from app.web.rendering import UNPROCESSABLE, Fields, field_errors, page, see_other

router = APIRouter(include_in_schema=False)
Key = Annotated[str, Query(min_length=1, max_length=400)]


@router.get("/connections/{connection}/orphans")
def show(request: Request, scope: Annotated[Scope, may(orphans.report)], connection: Id) -> Response:
    """What the provider has of ours now: left behind, known here, another installation's."""
    return page(request, scope, "connections/orphans.html", {"report": orphans.report(scope, connection)})


@router.get("/connections/{connection}/orphans/remove")
def ask_to_remove(request: Request, scope: Annotated[Scope, may(orphans.find)], connection: Id, key: Key) -> Response:
    """Ask for the name of a thing before it is removed."""
    context = {"found": orphans.find(scope, connection, key), "connection": connection, "errors": []}
    return page(request, scope, "connections/orphan.html", context)


@router.post("/connections/{connection}/orphans/remove")
def remove(request: Request, scope: Annotated[Scope, may(orphans.remove)], connection: Id, form: Fields) -> Response:
    """Remove a thing once its name has been typed."""
    key = form.get("key", "")
    try:
        orphans.remove(scope, connection, key, form.get("confirm", ""))
    except Invalid as error:
        context = {
            "found": orphans.find(scope, connection, key),
            "connection": connection,
            "errors": field_errors(error),
        }
        return page(request, scope, "connections/orphan.html", context, status=UNPROCESSABLE)
    return see_other(f"/connections/{connection}/orphans", "orphan_removed")
