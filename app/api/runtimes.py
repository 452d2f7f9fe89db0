"""REST on runtime environments: where training runs."""

from typing import Annotated

from starlette.responses import Response

from app.api.answers import ACCEPTED, answer, listing
from app.api.routing import noun
from app.api.shapes.common import list_of
from app.api.shapes.runtimes import RuntimeIn, RuntimeOut
from app.http.dependencies import may
from app.http.fields import Line
from app.services import runtimes
from app.services.scope import Scope

router = noun("runtimes", asks=False)


@router.get("", response_model=list_of(RuntimeOut))
def list_runtimes(scope: Annotated[Scope, may(runtimes.all_of_them)]) -> Response:
    """The environments, made or not."""
    return listing(RuntimeOut, runtimes.all_of_them(scope))


@router.get("/{name}", response_model=RuntimeOut)
def get_runtime(scope: Annotated[Scope, may(runtimes.get)], name: Line) -> Response:
    """One environment."""
    return answer(RuntimeOut, runtimes.get(scope, name))


@router.post("", response_model=RuntimeOut, status_code=ACCEPTED)
def install_runtime(scope: Annotated[Scope, may(runtimes.install)], body: RuntimeIn) -> Response:
    """Begin to make an environment; joins a making under way, and does nothing where it is ready."""
    return answer(RuntimeOut, runtimes.install(scope, body.name, allow_cuda=body.allow_cuda), ACCEPTED)
