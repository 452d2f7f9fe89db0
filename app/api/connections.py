"""REST on connections. The built-in ones are there from the start; more kinds come with more backends."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from app.api.answers import answer, listing
from app.api.routing import PathId, noun
from app.api.shapes.common import ListOut
from app.api.shapes.connections import (
    ConnectionOut,
    ConnectionPatch,
    DoctorOut,
    OrphansOut,
    RemovalIn,
    RemovalOut,
)
from app.domain.actors import Action
from app.domain.errors import Conflict
from app.edge.dependencies import allowed
from app.services import connections, orphans
from app.services.scope import Scope

router = noun("connections")
Reads = Annotated[Scope, Depends(allowed(Action.READ, "connections"), scope="function")]
Deletes = Annotated[Scope, Depends(allowed(Action.DELETE, "connections"), scope="function")]
Administers = Annotated[Scope, Depends(allowed(Action.ADMINISTER, "connections"), scope="function")]


@router.get("", response_model=ListOut[ConnectionOut])
def list_connections(scope: Reads) -> Response:
    """The connections; there are few, so there is one page."""
    return listing(ConnectionOut, connections.list_connections(scope))


@router.get("/{identifier}", response_model=ConnectionOut)
def get_connection(scope: Reads, identifier: PathId) -> Response:
    """One connection."""
    return answer(ConnectionOut, connections.get(scope, identifier))


@router.patch("/{identifier}", response_model=ConnectionOut)
def change_connection(scope: Administers, identifier: PathId, wish: ConnectionPatch) -> Response:
    """Change a connection's name or its number of places."""
    return answer(ConnectionOut, connections.update(scope, identifier, name=wish.name, slots=wish.slots))


@router.post("/{identifier}/doctor", response_model=DoctorOut)
def run_doctor(scope: Administers, identifier: PathId) -> Response:
    """Check now what a training there would need; reads only."""
    return answer(DoctorOut, connections.run_doctor(scope, identifier))


@router.get("/{identifier}/doctor", response_model=DoctorOut)
def last_doctor(scope: Reads, identifier: PathId) -> Response:
    """What the doctor found last."""
    report = connections.get(scope, identifier).doctor
    if report is None:
        raise Conflict("The doctor has not looked at this connection yet.", fix="POST to this address to let it.")
    return answer(DoctorOut, report)


@router.get("/{identifier}/orphans", response_model=OrphansOut)
def list_orphans(scope: Reads, identifier: PathId) -> Response:
    """Ask the provider now what it has with TuneDesk's mark, and what of it nobody here knows any more."""
    return answer(OrphansOut, OrphansOut.of(orphans.report(scope, identifier)))


@router.post("/{identifier}/orphans/removal", response_model=RemovalOut)
def remove_orphan(scope: Deletes, identifier: PathId, wish: RemovalIn) -> Response:
    """Remove one thing that nobody here knows; 409 for what is known here or belongs to another installation."""
    said = orphans.remove(scope, identifier, wish.key, wish.confirm)
    return answer(RemovalOut, {"outcome": said})
