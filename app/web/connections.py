"""Pages of connections, with the doctor."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import Invalid
from app.edge.fields import Id
from app.services import catalog, connections, orphans
from app.web.rendering import UNPROCESSABLE, Administering, Fields, Reading, Writing, field_errors, page, see_other

router = APIRouter()


@router.get("/connections")
def index(request: Request, scope: Reading) -> Response:
    """All connections."""
    return page(request, scope, "connections/index.html", {"connections": connections.list_connections(scope)})


@router.get("/connections/{connection}")
def show(request: Request, scope: Reading, connection: Id) -> Response:
    """One connection: what the doctor found, what can be trained there, how much at once."""
    found = connections.get(scope, connection)
    context = {
        "connection": found,
        "models": catalog.search(scope, connection=connection),
        "leaves_things": orphans.can_report(scope, found),
        "errors": [],
    }
    return page(request, scope, "connections/connection.html", context)


@router.post("/connections/{connection}/doctor")
def doctor(scope: Writing, connection: Id) -> Response:
    """Run the checks."""
    connections.run_doctor(scope, connection)
    return see_other(f"/connections/{connection}", "doctor_done")


@router.post("/connections/{connection}")
def save(request: Request, scope: Administering, connection: Id, form: Fields) -> Response:
    """Change the name; lifts a pause."""
    try:
        connections.update(scope, connection, name=form.get("name", ""))
    except Invalid as error:
        found = connections.get(scope, connection)
        context = {"connection": found, "models": (), "errors": field_errors(error)}
        return page(request, scope, "connections/connection.html", context, status=UNPROCESSABLE)
    return see_other(f"/connections/{connection}")
