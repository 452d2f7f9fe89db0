"""The level of datasets: large files are validated apart; a turn starts or looks, and never waits."""

from datetime import timedelta

from app.domain.actors import ENGINE
from app.domain.datasets import DatasetReport, DatasetStatus
from app.engine.errands import UnderWay
from app.engine.turn import Outcome, Turn
from app.kit.crash_points import CrashPoint, reached
from app.services import datasets
from app.services.scope import Scope, Scopes
from app.store import datasets as store

_LOOK = timedelta(seconds=1)


def act(turn: Turn) -> Outcome | None:
    """Begin a validation, or take in what it found."""
    key = f"{turn.id}:check"
    with turn.open() as scope:
        dataset = store.get(scope.read, turn.id)
    if dataset is None or dataset.status is not DatasetStatus.VALIDATING:
        turn.errands.forget(key)
        return None
    scopes, identifier = turn.scopes, turn.id
    try:
        report = turn.errands.result(key, lambda: _check(scopes, identifier))
    except UnderWay:
        return Outcome(values={}, due_in=_LOOK)
    reached(CrashPoint.DATASET_CHECKED)

    def record(scope: Scope) -> None:
        newest = store.get(scope.write, identifier)
        if newest is not None:
            store.save_report(scope.write, newest, report)

    return Outcome(values={}, due_in=None, also=[record])


def _check(scopes: Scopes, identifier: str) -> DatasetReport:
    with scopes.open(ENGINE) as scope:
        return datasets.check(scope, identifier)
