"""The checkpoints of a job that succeeded long ago: their space is given back, beside the turns."""

from app.engine.apart import apart, forget
from app.engine.reconciling import DeferredResult, ReconcileContext
from app.services import retention


def reconcile(context: ReconcileContext) -> DeferredResult | None:
    """Remove the claimed job's checkpoints; None if they are to stay, or are gone."""
    with context.open() as scope:
        if not retention.expired(scope, job=context.id):
            forget(context, "checkpoints")
            return None

    return apart(
        context,
        "checkpoints",
        lambda scope: retention.give_back(scope, context.id),
        lambda scope, _given_back: retention.record_given_back(scope, context.id),
    )
