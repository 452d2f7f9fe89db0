"""Models below `/v1`: base models by connection, aliases, and what was tuned here."""

from typing import Annotated, Any

from starlette.responses import Response

from app.http.dependencies import may_with_key
from app.openai_api.routing import ModelName, answer, seconds, wire
from app.services import openai_models
from app.services.openai_models import ListedModel
from app.services.scope import Scope

router = wire()


@router.get("/models")
def list_models(scope: Annotated[Scope, may_with_key(openai_models.listed)]) -> Response:
    """Every model that can be named, on one page, as at OpenAI."""
    return answer({"object": "list", "data": [_body(each) for each in openai_models.listed(scope)]})


@router.get("/models/{model:path}")
def get_model(scope: Annotated[Scope, may_with_key(openai_models.retrieve)], model: ModelName) -> Response:
    """One model, by any of its names."""
    return answer(_body(openai_models.retrieve(scope, model)))


@router.delete("/models/{model:path}")
def delete_model(scope: Annotated[Scope, may_with_key(openai_models.delete)], model: ModelName) -> Response:
    """Remove a tuned model's weights, unless something serves it."""
    openai_models.delete(scope, model)
    return answer({"id": model, "object": "model", "deleted": True})


def _body(model: ListedModel) -> dict[str, Any]:
    ends = model.base.lifecycle.serve_until if model.base else None
    made = model.tuned.created_at if model.tuned else model.connection.created_at
    return {
        "id": model.name,
        "object": "model",
        "created": seconds(made),
        "owned_by": model.connection.name,
        "shutdown_date": None if ends is None else ends.isoformat(),
    }
