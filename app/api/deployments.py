"""REST on deployments, and the chat with one of them."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import ACCEPTED, CREATED, answer, page
from app.api.chat import Completion
from app.api.routing import PathId, noun
from app.api.shapes.common import EventOut, ListOut
from app.api.shapes.deployments import ChatIn, ChatOut, DeploymentIn, DeploymentOut, DeploymentsQuery
from app.domain.actors import Action
from app.edge.dependencies import allowed
from app.edge.fields import Paging
from app.edge.idempotency import OnceDep
from app.edge.streams import MEDIA_TYPE
from app.services import deployments
from app.services.scope import Scope

router = noun("deployments")
Reads = Annotated[Scope, Depends(allowed(Action.READ, "deployments"), scope="function")]
Spends = Annotated[Scope, Depends(allowed(Action.SPEND, "deployments"), scope="function")]
Deletes = Annotated[Scope, Depends(allowed(Action.DELETE, "deployments"), scope="function")]


@router.get("", response_model=ListOut[DeploymentOut])
def list_deployments(scope: Reads, wanted: Annotated[DeploymentsQuery, Query()]) -> Response:
    """The deployments, newest first; deleted ones only when asked for."""
    return page(DeploymentOut, deployments.list_deployments(scope, **wanted.model_dump()))


@router.post("", response_model=DeploymentOut, status_code=CREATED)
def create_deployment(scope: Spends, wish: DeploymentIn, once: OnceDep) -> Response:
    """Record a deployment; the engine makes it."""
    return once(scope, lambda: answer(DeploymentOut, deployments.create(scope, **wish.model_dump()), CREATED))


@router.get("/{identifier}", response_model=DeploymentOut)
def get_deployment(scope: Reads, identifier: PathId) -> Response:
    """One deployment."""
    return answer(DeploymentOut, deployments.get(scope, identifier))


@router.delete("/{identifier}", response_model=DeploymentOut, status_code=ACCEPTED)
def delete_deployment(scope: Deletes, identifier: PathId) -> Response:
    """Ask for the deployment's end; asking again is fine."""
    return answer(DeploymentOut, deployments.delete(scope, identifier), ACCEPTED)


@router.get("/{identifier}/events", response_model=ListOut[EventOut])
def events(scope: Reads, identifier: PathId, paging: Annotated[Paging, Query()]) -> Response:
    """The deployment's journal, newest first."""
    return page(EventOut, deployments.events(scope, identifier, limit=paging.limit, cursor=paging.cursor))


@router.post("/{identifier}/chat", response_model=ChatOut, responses={200: {"content": {MEDIA_TYPE: {}}}})
def chat(request: Request, scope: Spends, identifier: PathId, wish: ChatIn) -> Response:
    """Ask the model, in OpenAI's shapes; with `stream` piece by piece."""
    begun = deployments.chat(request.app.state.scopes, scope, identifier, wish.request())
    completion = Completion(begun, created=scope.now())
    return completion.streamed() if wish.stream else answer(ChatOut, completion.whole())
