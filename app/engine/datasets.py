"""The validation of a dataset: large files are joined, edited and validated beside the turns: it may take long."""

from app.domain.datasets import DatasetStatus
from app.engine.apart import apart, forget
from app.engine.reconciling import DeferredResult, ReconcileContext
from app.kit.crash_points import CrashPoint, reached
from app.services import bringing, datasets, edits
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
        made = edits.carry_out(scope, context.id) or bringing.carry_out(scope, context.id)
        checked = made or datasets.check(scope, context.id)
        reached(CrashPoint.DATASET_CHECKED)
        return checked

    def record(scope: Scope, checked: Checked) -> None:
        newest = store.get(scope.write, context.id)
        if newest is not None and checked.report is not None:
            store.save_report(scope.write, checked.of(newest), checked.report)
            datasets.forget_unused(scope, checked.passing)

    return apart(context, "check", check, record, calls_out=False, values={})
