"""REST on runtime environments: where training runs."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from app.api.answers import ACCEPTED, answer, listing
from app.api.routing import noun
from app.api.shapes.common import list_of
from app.api.shapes.runtimes import RuntimeIn, RuntimeOut
from app.domain.actors import Action
from app.domain.errors import NotFound, ProviderFailed
from app.http.dependencies import allowed
from app.http.fields import Line
from app.runtimes.environments import RUNTIMES
from app.services.scope import Scope
from app.setup.problems import SetupError

router = noun("runtimes", asks=False)
Reads = Annotated[Scope, Depends(allowed(Action.READ, "runtimes"), scope="function")]
Administers = Annotated[Scope, Depends(allowed(Action.ADMINISTER, "runtimes"), scope="function")]


@router.get("", response_model=list_of(RuntimeOut))
def list_runtimes(scope: Reads) -> Response:
    """The environments, made or not."""
    return listing(RuntimeOut, [scope.runtimes.state(name) for name in RUNTIMES])


@router.get("/{name}", response_model=RuntimeOut)
def get_runtime(scope: Reads, name: Line) -> Response:
    """One environment."""
    if name not in RUNTIMES:
        raise NotFound("runtime", name)
    return answer(RuntimeOut, scope.runtimes.state(name))


@router.post("", response_model=RuntimeOut, status_code=ACCEPTED)
def install_runtime(scope: Administers, body: RuntimeIn) -> Response:
    """Begin to make an environment; joins a making under way, and does nothing where it is ready."""
    try:
        state = scope.runtimes.start(body.name, allow_cuda=body.allow_cuda)
    except SetupError as error:
        raise ProviderFailed(error.sentence, fix=error.remedy) from error
    return answer(RuntimeOut, state, ACCEPTED)
