"""Verbs on a person's sign-in at a connection's provider."""

from app.domain.connections import Connection
from app.domain.errors import Conflict
from app.domain.sign_in import SignIn, SignInStatus, SignsIn
from app.services import connections, verbs
from app.services.provider_errors import PROVIDER_ERRORS, provider_errors
from app.services.scope import Scope


@verbs.reads("discovery")
def state(scope: Scope, connection: Connection) -> SignIn | None:
    """Return where a connection's sign-in by a person stands; None where no person is needed."""
    backend = scope.backends.opened(connection, SignsIn)
    if backend is None:
        return None
    try:
        with provider_errors():
            return backend.sign_in()
    except PROVIDER_ERRORS as error:
        return SignIn(status=SignInStatus.FAILED, message=error.message)


@verbs.reads("discovery")
def get(scope: Scope, identifier: str) -> SignIn:
    """Return where the sign-in stands.

    Raises:
        Conflict: when the connection signs in by itself.
    """
    found = state(scope, connections.get(scope, identifier))
    if found is None:
        raise Conflict("This connection signs in by itself.", fix="Run its checks to see whether it can.")
    return found


@verbs.administers("connections")
def begin(scope: Scope, identifier: str) -> SignIn:
    """Ask the provider for a code to show, unless one is shown already.

    Raises:
        Conflict: when the connection signs in by itself.
        ProviderFailed: when the provider gives no code.
    """
    get(scope, identifier)
    with scope.ask(identifier, SignsIn) as backend:
        return backend.begin_sign_in()
