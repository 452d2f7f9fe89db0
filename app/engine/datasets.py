"""The level of datasets: large files are validated apart; a turn starts or looks, and never waits."""

from datetime import timedelta

from app.domain.actors import ENGINE
from app.domain.datasets import DatasetReport, DatasetStatus
from app.engine.background_tasks import NotReady
from app.engine.reconciling import ReconcileContext, StepResult
from app.kit.crash_points import CrashPoint, reached
from app.services import datasets
from app.services.scope import Scope, Scopes
from app.store import datasets as store

_LOOK = timedelta(seconds=1)


def reconcile(context: ReconcileContext) -> StepResult | None:
    """Begin a validation, or take in what it found."""
    key = f"{context.id}:check"
    with context.open() as scope:
        dataset = store.get(scope.read, context.id)
    if dataset is None or dataset.status is not DatasetStatus.VALIDATING:
        context.tasks.forget(key)
        return None
    scopes, identifier = context.scopes, context.id
    try:
        report = context.tasks.result(key, lambda: _check(scopes, identifier))
    except NotReady:
        return StepResult(values={}, due_in=_LOOK)
    reached(CrashPoint.DATASET_CHECKED)

    def record(scope: Scope) -> None:
        newest = store.get(scope.write, identifier)
        if newest is not None:
            store.save_report(scope.write, newest, report)

    return StepResult(values={}, due_in=None, side_effects=[record])


def _check(scopes: Scopes, identifier: str) -> DatasetReport:
    with scopes.open(ENGINE) as scope:
        return datasets.check(scope, identifier)
