"""Verbs on runtime environments: what training runs in."""

from collections.abc import Mapping, Sequence

from app.domain.errors import NotFound
from app.runtimes.environments import RUNTIMES, RuntimeState
from app.services.scope import Scope

_LOG_LINES = 200


def all_of_them(scope: Scope) -> Sequence[RuntimeState]:
    """Return every environment that this installation knows of."""
    return [scope.runtimes.state(name) for name in RUNTIMES]


def get(scope: Scope, name: str) -> RuntimeState:
    """Return one environment.

    Raises:
        NotFound: for a name that this installation does not know.
    """
    if name not in RUNTIMES:
        raise NotFound("runtime", name)
    return scope.runtimes.state(name)


def install(scope: Scope, name: str, *, allow_cuda: bool = False) -> RuntimeState:
    """Begin (or join, or begin again after a failure) an installation; returns at once."""
    get(scope, name)
    return scope.runtimes.start(name, allow_cuda=allow_cuda)


def logs(scope: Scope) -> Mapping[str, Sequence[str]]:
    """Return the end of each environment's installation log."""
    return {name: scope.runtimes.log(name, _LOG_LINES) for name in RUNTIMES}
