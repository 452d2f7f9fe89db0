"""REST on fine-tuned models."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from app.api.answers import ACCEPTED, answer, page
from app.api.routing import PathId, noun
from app.api.shapes.common import ListOut
from app.api.shapes.models import ModelDetailOut, ModelOut, ModelsQuery, TeardownIn, TeardownOut
from app.domain.actors import Action
from app.edge.dependencies import allowed
from app.edge.downloads import zipped
from app.services import models
from app.services.scope import Scope

router = noun("models")
Reads = Annotated[Scope, Depends(allowed(Action.READ, "models"), scope="function")]
Deletes = Annotated[Scope, Depends(allowed(Action.DELETE, "models"), scope="function")]


@router.get("", response_model=ListOut[ModelOut])
def list_models(scope: Reads, wanted: Annotated[ModelsQuery, Query()]) -> Response:
    """The fine-tuned models, newest first."""
    found = models.list_models(scope, project=wanted.project, limit=wanted.limit, cursor=wanted.cursor)
    return page(ModelOut, found)


@router.get("/{identifier}", response_model=ModelDetailOut)
def get_model(scope: Reads, identifier: PathId) -> Response:
    """One model, with the ids of its evaluations and deployments."""
    model = models.get(scope, identifier)
    judged, served = models.evaluations(scope, identifier), models.deployments(scope, identifier)
    return answer(ModelDetailOut, ModelDetailOut.of(model, judged, served))


@router.delete("/{identifier}", response_model=ModelOut)
def delete_model(scope: Deletes, identifier: PathId) -> Response:
    """Remove a model's weights; 409 with the names of its deployments while there are any."""
    return answer(ModelOut, models.delete(scope, identifier))


@router.get("/{identifier}/download", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
def download(scope: Reads, identifier: PathId) -> Response:
    """The safetensors, the tokenizer and the model card as a ZIP archive."""
    return zipped(models.files(scope, identifier), f"{identifier}.zip")


@router.get("/{identifier}/teardown", response_model=TeardownOut)
def teardown_plan(scope: Reads, identifier: PathId) -> Response:
    """What removing the model takes, in its order, and what each step saves."""
    return answer(TeardownOut, models.teardown_plan(scope, identifier))


@router.post("/{identifier}/teardown", response_model=TeardownOut, status_code=ACCEPTED)
def teardown(scope: Deletes, identifier: PathId, wish: TeardownIn) -> Response:
    """Begin to remove the model with all that serves it; the engine keeps the order."""
    return answer(TeardownOut, models.teardown(scope, identifier, wish.confirm), ACCEPTED)
