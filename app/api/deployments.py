"""REST on deployments, and the chat with one of them."""

from datetime import timedelta
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import ACCEPTED, CREATED, LOOKING_UP, answer, page
from app.api.chat import Completion
from app.api.routing import PathId, noun
from app.api.shapes.common import EventOut, accepted_of, list_of
from app.api.shapes.deployments import (
    ChatIn,
    ChatOut,
    ClientKeyOut,
    DeploymentIn,
    DeploymentOut,
    DeploymentsQuery,
    KeyOut,
    OptionsQuery,
)
from app.domain.errors import Conflict, Invalid
from app.domain.serving import DeploymentOffer, RemoteUsage
from app.http.dependencies import may
from app.http.fields import NumberedPaging
from app.http.idempotency import OnceDep
from app.http.own_threads import AwaitedResponse
from app.http.streams import MEDIA_TYPE
from app.services import client_keys, deployments, serving_targets
from app.services.scope import Scope

router = noun("deployments")
NOT_KEPT = {"cache-control": "no-store"}
_LATELY = timedelta(hours=24)


@router.get("", response_model=list_of(DeploymentOut))
def list_deployments(
    scope: Annotated[Scope, may(deployments.list_deployments)], wanted: Annotated[DeploymentsQuery, Query()]
) -> Response:
    """The deployments, newest first; deleted ones only when asked for."""
    return page(DeploymentOut, deployments.list_deployments(scope, **wanted.model_dump()))


@router.post("", response_model=DeploymentOut, status_code=CREATED)
def create_deployment(scope: Annotated[Scope, may(deployments.create)], body: DeploymentIn, once: OnceDep) -> Response:
    """Record a deployment; the engine makes it."""
    fields = body.model_dump(exclude={"accept_cost"}) | {"accepted": accepted_of(body.accept_cost)}
    return once(scope, lambda: answer(DeploymentOut, deployments.create(scope, **fields), CREATED))


@router.get("/options", response_model=DeploymentOffer, responses=LOOKING_UP)
def get_deployment_options(
    scope: Annotated[Scope, may(deployments.offer)], wanted: Annotated[OptionsQuery, Query()]
) -> Response:
    """With which options a model can be deployed, and whether the provider filters what it is asked and answers."""
    try:
        target = serving_targets.target(scope, wanted.model_dump(), pointer="?model")
    except Invalid as error:  # no schema can say that two parameters of a query need or exclude each other
        return answer(DeploymentOffer, DeploymentOffer(refused=error.message))
    return answer(DeploymentOffer, deployments.offer(scope, target) or DeploymentOffer())


@router.get("/{identifier}", response_model=DeploymentOut)
def get_deployment(scope: Annotated[Scope, may(deployments.get)], identifier: PathId) -> Response:
    """One deployment."""
    return answer(DeploymentOut, deployments.get(scope, identifier))


@router.delete("/{identifier}", response_model=DeploymentOut, status_code=ACCEPTED)
def delete_deployment(scope: Annotated[Scope, may(deployments.delete)], identifier: PathId) -> Response:
    """Ask for the deployment's end; asking again is fine."""
    return answer(DeploymentOut, deployments.delete(scope, identifier), ACCEPTED)


@router.post("/{identifier}/key", response_model=KeyOut)
def show_deployment_key(scope: Annotated[Scope, may(deployments.show_key)], identifier: PathId) -> Response:
    """Fetch the deployment's own key from the provider; who was shown it stands in the journal."""
    key = deployments.show_key(scope, identifier)
    shown = {"endpoint": deployments.get(scope, identifier).endpoint, "key": key}
    return answer(KeyOut, shown, headers=NOT_KEPT)


@router.post("/{identifier}/client-key", response_model=ClientKeyOut)
def show_client_key(request: Request, scope: Annotated[Scope, may(client_keys.show)], identifier: PathId) -> Response:
    """Show the key for OpenAI's clients, made when it is first wanted; who was shown it stands in the journal."""
    return _client_key(request, scope, identifier, client_keys.show(scope, identifier))


@router.post("/{identifier}/client-key/rotate", response_model=ClientKeyOut)
def rotate_client_key(
    request: Request, scope: Annotated[Scope, may(client_keys.renew)], identifier: PathId
) -> Response:
    """Make a new key for OpenAI's clients; the one before opens nothing from now on."""
    return _client_key(request, scope, identifier, client_keys.renew(scope, identifier))


def _client_key(request: Request, scope: Scope, identifier: str, key: str) -> Response:
    name = deployments.get(scope, identifier).name
    base_url = f"{str(request.base_url).rstrip('/')}{router.prefix}/{identifier}/v1"
    shown = {"base_url": base_url, "model": name, "key": key}
    return answer(ClientKeyOut, shown, headers=NOT_KEPT)


@router.get("/{identifier}/measured", response_model=RemoteUsage)
def get_measured_usage(scope: Annotated[Scope, may(deployments.measured)], identifier: PathId) -> Response:
    """What the provider itself counted in the last 24 hours, questions that did not pass through here included."""
    found = deployments.measured(scope, identifier, over=_LATELY)
    if found is None:
        raise Conflict("This provider counts nothing.", fix="The deployment's own `usage` says what was asked here.")
    return answer(RemoteUsage, found)


@router.get("/{identifier}/events", response_model=list_of(EventOut))
def list_deployment_events(
    scope: Annotated[Scope, may(deployments.events)], identifier: PathId, paging: Annotated[NumberedPaging, Query()]
) -> Response:
    """The deployment's journal, newest first."""
    return page(EventOut, deployments.events(scope, identifier, limit=paging.limit, cursor=paging.cursor))


@router.post("/{identifier}/chat", response_model=ChatOut, responses={200: {"content": {MEDIA_TYPE: {}}}})
def chat(
    request: Request, scope: Annotated[Scope, may(deployments.chat)], identifier: PathId, body: ChatIn
) -> Response:
    """Ask the model, in OpenAI's shapes; with `stream` piece by piece."""
    begun = deployments.chat(scope, request.app.state.scopes, identifier, body.request())
    completion = Completion(request, begun, created=scope.now())
    return completion.streamed() if body.stream else AwaitedResponse(lambda: answer(ChatOut, completion.whole()))
