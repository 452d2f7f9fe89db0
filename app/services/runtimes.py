"""Verbs on runtime environments: what training runs in."""

from collections.abc import Mapping, Sequence

from app.domain.errors import NotFound, ProviderFailed
from app.runtimes.environments import RUNTIMES, RuntimeState
from app.services import verbs
from app.services.scope import Scope
from app.setup.problems import SetupError

_LOG_LINES = 200


@verbs.reads("runtimes")
def all_of_them(scope: Scope) -> Sequence[RuntimeState]:
    """Return every environment that this installation knows of."""
    return [scope.runtimes.state(name) for name in RUNTIMES]


@verbs.reads("runtimes")
def get(scope: Scope, name: str) -> RuntimeState:
    """Return one environment.

    Raises:
        NotFound: for a name that this installation does not know.
    """
    if name not in RUNTIMES:
        raise NotFound("runtime", name)
    return scope.runtimes.state(name)


@verbs.administers("runtimes")
def install(scope: Scope, name: str, *, allow_cuda: bool = False) -> RuntimeState:
    """Begin (or join, or begin again after a failure) an installation; returns at once.

    Raises:
        NotFound: for a name that this installation does not know.
        ProviderFailed: when it cannot be begun, with what to do.
    """
    get(scope, name)
    try:
        return scope.runtimes.start(name, allow_cuda=allow_cuda)
    except SetupError as error:
        raise ProviderFailed(error.sentence, fix=error.remedy) from error


@verbs.reads("runtimes")
def logs(scope: Scope) -> Mapping[str, Sequence[str]]:
    """Return the end of each environment's installation log."""
    return {name: scope.runtimes.log(name, _LOG_LINES) for name in RUNTIMES}
