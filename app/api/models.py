"""REST on fine-tuned models."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.api.answers import ACCEPTED, CREATED, answer, page
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.models import ModelDetailOut, ModelOut, ModelsQuery, TeardownIn, TeardownOut
from app.domain.backend_abilities import Ends, Merge
from app.domain.drafts import JobDraft
from app.http.dependencies import may
from app.http.downloads import zipped
from app.services import drafts, ends, merging, models
from app.services.scope import Scope

router = noun("models")


@router.get("", response_model=list_of(ModelOut))
def list_models(scope: Annotated[Scope, may(models.list_models)], wanted: Annotated[ModelsQuery, Query()]) -> Response:
    """The fine-tuned models, newest first."""
    found = models.list_models(scope, project=wanted.project, limit=wanted.limit, cursor=wanted.cursor)
    return page(ModelOut, found)


@router.get("/{identifier}", response_model=ModelDetailOut)
def get_model(scope: Annotated[Scope, may(models.get)], identifier: PathId) -> Response:
    """One model, with the ids of its evaluations and deployments."""
    model = models.get(scope, identifier)
    evaluated, served = models.evaluations(scope, identifier), models.deployments(scope, identifier)
    parent = models.parent(scope, model)
    return answer(ModelDetailOut, ModelDetailOut.of(model, evaluated, served, parent, models.children(scope, model)))


@router.delete("/{identifier}", response_model=ModelOut)
def delete_model(scope: Annotated[Scope, may(models.delete)], identifier: PathId) -> Response:
    """Remove a model's weights; 409 with the names of its deployments while there are any."""
    return answer(ModelOut, models.delete(scope, identifier))


@router.get("/{identifier}/download", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
def download_model(scope: Annotated[Scope, may(models.files)], identifier: PathId) -> Response:
    """The safetensors, the tokenizer and the model card as a ZIP archive."""
    return zipped(models.files(scope, identifier), f"{identifier}.zip")


@router.post("/{identifier}/continue", response_model=JobDraft, status_code=CREATED)
def continue_from_model(scope: Annotated[Scope, may(drafts.of_model)], identifier: PathId) -> Response:
    """Begin a draft that trains the model further."""
    return answer(JobDraft, drafts.of_model(scope, identifier), CREATED)


@router.get("/{identifier}/merge", response_model=Merge)
def get_merge(scope: Annotated[Scope, may(merging.look)], identifier: PathId) -> Response:
    """How far the merged copy of an adapter and its base is."""
    return answer(Merge, merging.look(scope, identifier))


@router.post("/{identifier}/merge", response_model=Merge, status_code=ACCEPTED)
def merge_model(scope: Annotated[Scope, may(merging.merge)], identifier: PathId) -> Response:
    """Begin to merge the adapter into its base; once that is done, asking again records the model that came of it."""
    return answer(Merge, merging.merge(scope, identifier), ACCEPTED)


@router.get("/{identifier}/ends", response_model=Ends)
def get_ends(scope: Annotated[Scope, may(ends.look)], identifier: PathId) -> Response:
    """The token that ends the model's answers, and those at which its saved configs stop."""
    return answer(Ends, ends.look(scope, identifier))


@router.post("/{identifier}/ends", response_model=Ends)
def mend_ends(scope: Annotated[Scope, may(ends.mend)], identifier: PathId) -> Response:
    """Write the end that was taught into the saved configs; 409 where nothing is wrong."""
    return answer(Ends, ends.mend(scope, identifier))


@router.get("/{identifier}/teardown", response_model=TeardownOut)
def get_teardown(scope: Annotated[Scope, may(models.teardown_plan)], identifier: PathId) -> Response:
    """What removing the model takes, in its order, and what each step saves."""
    return answer(TeardownOut, models.teardown_plan(scope, identifier))


@router.post("/{identifier}/teardown", response_model=TeardownOut, status_code=ACCEPTED)
def tear_down(scope: Annotated[Scope, may(models.teardown)], identifier: PathId, body: TeardownIn) -> Response:
    """Begin to remove the model with all that serves it; the engine keeps the order."""
    return answer(TeardownOut, models.teardown(scope, identifier, body.confirm), ACCEPTED)
