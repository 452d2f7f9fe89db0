"""What is to be served or evaluated, from the fields that a form or REST sends."""

from collections.abc import Mapping
from typing import Any

from app.domain.deployments import Target
from app.domain.errors import Conflict, Invalid, Problem
from app.domain.models import ModelStatus
from app.services import catalog, connections, models, verbs
from app.services.scope import Scope


@verbs.reads("deployments")
def target(scope: Scope, fields: Mapping[str, Any], *, pointer: str = "/target") -> Target:
    """Return the target behind `{model}` or `{base_model, connection}`.

    Raises:
        Invalid: when it is neither or both, or the base model is unknown.
        Conflict: when the model has been deleted.
        NotFound: when there is no such model or connection.
    """
    model_id, base = fields.get("model"), fields.get("base_model")
    if bool(model_id) == bool(base):
        fix = "Give the id of a fine-tuned model, or a base model with its connection."
        raise Invalid([Problem(pointer, "ambiguous", "Exactly one of model and base_model is needed.", fix)])
    if model_id:
        model = models.get(scope, str(model_id))
        if model.status is not ModelStatus.PRESENT:
            raise Conflict(f"The model {model.name!r} has been deleted.", fix="Choose another model.")
        return Target(connection=model.connection, base_model=model.base_model, model=model.id)
    connection = fields.get("connection")
    if not connection:
        fix = f"Name the connection whose base model it is, for example {connections.default_id(scope)}."
        raise Invalid([Problem(f"{pointer}/connection", "missing", "The connection is missing.", fix)])
    found = catalog.model(scope, str(connection), str(base), pointer=f"{pointer}/base_model")
    return Target(connection=str(connection), base_model=found.id)


@verbs.reads("deployments")
def label(scope: Scope, wanted: Target) -> str:
    """Return a target's name for people."""
    if wanted.model is not None:
        return models.get(scope, wanted.model).name
    return catalog.BaseNames(scope)(wanted.connection, wanted.base_model)
