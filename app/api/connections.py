"""REST on connections: the built-in ones, and those that people make of a kind."""

from typing import Annotated

from starlette.responses import Response

from app.api.answers import CREATED, answer, listing, nothing
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.connections import (
    ConnectionIn,
    ConnectionKindOut,
    ConnectionOut,
    ConnectionPatch,
    DoctorOut,
    OrphansOut,
    RemovalIn,
    RemovalOut,
    kind_shape,
)
from app.domain.errors import Conflict
from app.domain.sign_in import SignIn
from app.http.dependencies import may
from app.services import connections, orphans, sign_in
from app.services.scope import Scope

router = noun("connections")
kinds_router = noun("connection-kinds", asks=False)


@router.get("", response_model=list_of(ConnectionOut))
def list_connections(scope: Annotated[Scope, may(connections.list_connections)]) -> Response:
    """The connections; there are few, so there is one page."""
    return listing(ConnectionOut, [connections.shown(scope, each) for each in connections.list_connections(scope)])


@kinds_router.get("", response_model=list_of(ConnectionKindOut))
def list_connection_kinds(scope: Annotated[Scope, may(connections.get)]) -> Response:
    """The kinds of connections that can be made, with what each asks for."""
    return listing(ConnectionKindOut, [kind_shape(each) for each in scope.backends.kinds])


@router.post("", response_model=ConnectionOut, status_code=CREATED)
def create_connection(scope: Annotated[Scope, may(connections.create)], body: ConnectionIn) -> Response:
    """Make a connection; nothing is called out to, the doctor does that."""
    return answer(ConnectionOut, connections.create(scope, **body.model_dump()), CREATED)


@router.get("/{identifier}", response_model=ConnectionOut)
def get_connection(scope: Annotated[Scope, may(connections.get)], identifier: PathId) -> Response:
    """One connection; its settings, and what its doctor found in words, are for administrators."""
    return answer(ConnectionOut, connections.shown(scope, connections.get(scope, identifier)))


@router.patch("/{identifier}", response_model=ConnectionOut)
def change_connection(
    scope: Annotated[Scope, may(connections.update)], identifier: PathId, body: ConnectionPatch
) -> Response:
    """Change a connection; secrets are replaced where new ones come, and kept otherwise."""
    return answer(ConnectionOut, connections.update(scope, identifier, **body.model_dump()))


@router.delete("/{identifier}", status_code=204)
def delete_connection(scope: Annotated[Scope, may(connections.delete)], identifier: PathId) -> Response:
    """Forget a connection and its secrets; refused while anything here names it."""
    connections.delete(scope, identifier)
    return nothing()


@router.post("/{identifier}/doctor", response_model=DoctorOut)
def run_doctor(scope: Annotated[Scope, may(connections.run_doctor)], identifier: PathId) -> Response:
    """Check now what a training there would need; reads only."""
    return answer(DoctorOut, connections.run_doctor(scope, identifier))


@router.get("/{identifier}/doctor", response_model=DoctorOut)
def get_doctor(scope: Annotated[Scope, may(connections.get)], identifier: PathId) -> Response:
    """What the doctor found last."""
    report = connections.shown(scope, connections.get(scope, identifier)).doctor
    if report is None:
        raise Conflict("The doctor has not looked at this connection yet.", fix="POST to this address to let it.")
    return answer(DoctorOut, report)


@router.post("/{identifier}/sign-in", response_model=SignIn)
def begin_sign_in(scope: Annotated[Scope, may(sign_in.begin)], identifier: PathId) -> Response:
    """Ask for a code by which a person signs in; one that waits already is told again."""
    return answer(SignIn, sign_in.begin(scope, identifier))


@router.get("/{identifier}/sign-in", response_model=SignIn)
def get_sign_in(scope: Annotated[Scope, may(sign_in.get)], identifier: PathId) -> Response:
    """Where the sign-in stands."""
    return answer(SignIn, sign_in.get(scope, identifier))


@router.get("/{identifier}/orphans", response_model=OrphansOut)
def list_orphans(scope: Annotated[Scope, may(orphans.report)], identifier: PathId) -> Response:
    """Ask the provider now what it has with TuneDesk's mark, and what of it nobody here knows any more."""
    return answer(OrphansOut, OrphansOut.of(orphans.report(scope, identifier)))


@router.post("/{identifier}/orphans/removal", response_model=RemovalOut)
def remove_orphan(scope: Annotated[Scope, may(orphans.remove)], identifier: PathId, body: RemovalIn) -> Response:
    """Remove one thing that nobody here knows; 409 for what is known here or belongs to another installation."""
    said = orphans.remove(scope, identifier, body.key, body.confirm)
    return answer(RemovalOut, {"outcome": said})
