"""The teardown of a model: once nothing serves it, its weights go, beside the turns."""

from app.domain.models import ModelStatus
from app.engine import backoff
from app.engine.apart import apart, forget
from app.engine.reconciling import DeferredResult, ReconcileContext, StepResult
from app.services import models
from app.services.scope import Scope
from app.store import deployments
from app.store import models as store


def reconcile(context: ReconcileContext) -> DeferredResult | None:
    """Remove what is left of the claimed model; None if nobody asked for that (any more)."""
    with context.open() as scope:
        model = store.get(scope.read, context.id)
        if model is None or model.status is not ModelStatus.DELETING:
            forget(context, "discard")
            return None
        if deployments.of_model(scope.read, context.id):
            return StepResult(values={}, due_in=backoff.WAITING)  # the last one that is gone wakes it

    def record(scope: Scope, removal: models.Removal) -> None:
        newest = store.get(scope.write, context.id)
        if newest is not None and newest.status is ModelStatus.DELETING:
            models.record_removal(scope, newest, removal)

    return apart(context, "discard", lambda scope: models.discard(scope, model), record)
