"""The validation of a dataset: a large file is edited and validated beside the turns, as that may outlast a lease."""

from app.domain.datasets import DatasetStatus
from app.engine.apart import apart, forget
from app.engine.reconciling import DeferredResult, ReconcileContext
from app.kit.crash_points import CrashPoint, reached
from app.services import datasets, edits
from app.services.reading_in import Checked
from app.services.scope import Scope
from app.store import datasets as store


def reconcile(context: ReconcileContext) -> DeferredResult | None:
    """Begin a validation, or take in what it found; None if there is nothing to validate (any more)."""
    with context.open() as scope:
        dataset = store.get(scope.read, context.id)
    if dataset is None or dataset.status is not DatasetStatus.VALIDATING:
        forget(context, "check")
        return None

    def check(scope: Scope) -> Checked:
        checked = edits.carry_out(scope, context.id) or datasets.check(scope, context.id)
        reached(CrashPoint.DATASET_CHECKED)
        return checked

    def record(scope: Scope, checked: Checked) -> None:
        newest = store.get(scope.write, context.id)
        if newest is not None and checked.report is not None:
            store.save_report(scope.write, checked.of(newest), checked.report)

    return apart(context, "check", check, record, calls_out=False, values={})
