"""Pages of fine-tuned models, with the guided teardown."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.backend_abilities import ContinuesTuned, MergesAdapters
from app.domain.errors import Invalid
from app.http.dependencies import may
from app.http.fields import Id
from app.services import connections, datasets, drafts, ends, jobs, merging, models, prices, usage
from app.services.scope import Scope
from app.web.layout import chosen_project
from app.web.presses import fresh_key, pressed
from app.web.rendering import (
    UNPROCESSABLE,
    Fields,
    field_errors,
    list_page,
    page,
    see_other,
)
from app.web.views.parts import FieldError

router = APIRouter(include_in_schema=False)


@router.get("/models")
async def index(
    request: Request,
    scope: Annotated[Scope, may(models.list_models)],
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """All fine-tuned models."""
    name, part = "models/index.html", "models/_list.html"
    return await list_page(request, scope, name, lambda: _list_context(request, scope, cursor), part=part)


def _list_context(request: Request, scope: Scope, cursor: str | None) -> Mapping[str, object]:
    chosen = chosen_project(request, scope)
    listed = models.list_models(scope, project=chosen.id if chosen else None, cursor=cursor)
    return {
        "page": listed,
        "wrong": ends.wrong_among(scope, listed.items),
        "uses": usage.of_models(scope, listed.items),
    }


@router.get("/models/{model}")
def show(request: Request, scope: Annotated[Scope, may(models.get)], model: Id) -> Response:
    """One model: where it came from, how good it is, who serves it."""
    found = models.get(scope, model)
    job = jobs.get(scope, found.job) if found.job else None
    evaluated = models.evaluations(scope, model)
    context = {
        "model": found,
        "job": job,
        "training": datasets.get(scope, job.datasets.training) if job else None,
        "evaluations": evaluated,
        "rows_of": datasets.many(scope, [each.dataset for each in evaluated]),
        "deployments": models.deployments(scope, model),
        "parent": models.parent(scope, found),
        "children": models.children(scope, found),
        "can_continue": models.can(scope, found, ContinuesTuned),
        "merge": merging.look(scope, model)
        if found.adapter == "lora" and models.can(scope, found, MergesAdapters)
        else None,
        "ends": ends.look(scope, model),
        "billed": not prices.is_free(scope, connections.get(scope, found.connection)),
        "key": fresh_key(),
    }
    return page(request, scope, "models/model.html", context)


@router.post("/models/{model}/ends")
def mend_ends(scope: Annotated[Scope, may(ends.mend)], model: Id) -> Response:
    """Write the end that was taught into the saved configs."""
    ends.mend(scope, model)
    return see_other(f"/models/{model}", "ends_mended")


@router.post("/models/{model}/continue")
def train_further(request: Request, scope: Annotated[Scope, may(drafts.of_model)], model: Id, form: Fields) -> Response:
    """Begin a draft that trains the model further."""

    def begin() -> Response:
        return see_other(f"/wizard/{drafts.of_model(scope, model).id}/review", "continuing")

    return pressed(scope, request.url.path, form, begin)


@router.post("/models/{model}/merge")
def merge(scope: Annotated[Scope, may(merging.merge)], model: Id) -> Response:
    """Begin to merge the adapter into its base; once that is done, add what came of it to the models."""
    found = merging.merge(scope, model)
    if found.model is not None:
        return see_other(f"/models/{found.model}", "merged")
    return see_other(f"/models/{model}", "merging")


@router.get("/models/{model}/teardown")
def plan(request: Request, scope: Annotated[Scope, may(models.teardown_plan)], model: Id) -> Response:
    """What removing the model takes, in its order."""
    return _plan_page(request, scope, model, errors=[], status=200)


@router.post("/models/{model}/teardown")
def teardown(request: Request, scope: Annotated[Scope, may(models.teardown)], model: Id, form: Fields) -> Response:
    """Begin the teardown once the name has been typed."""
    try:
        models.teardown(scope, model, form.get("confirm", ""))
    except Invalid as error:
        return _plan_page(request, scope, model, errors=field_errors(error), status=UNPROCESSABLE)
    return see_other(f"/models/{model}/teardown", "teardown_started")


def _plan_page(request: Request, scope: Scope, model: str, *, errors: Sequence[FieldError], status: int) -> Response:
    context = {"plan": models.teardown_plan(scope, model), "errors": errors}
    return page(request, scope, "models/teardown.html", context, status=status)
