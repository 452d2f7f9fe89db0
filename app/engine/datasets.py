"""The level of datasets: large files are validated in a thread apart; a turn starts or looks, and never waits."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from app.domain.actors import ENGINE
from app.domain.datasets import DatasetReport, DatasetStatus
from app.engine.turn import Outcome, Turn
from app.services import datasets
from app.services.scope import Scope, Scopes
from app.store import datasets as store

_LOOK = timedelta(seconds=1)


class Checking:
    """The validations under way in this process; one that is lost with the process is simply begun again."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="validation")
        self._under_way: dict[str, Future[DatasetReport]] = {}

    def act(self, turn: Turn) -> Outcome | None:
        """Begin a validation, or take in what it found."""
        with turn.open() as scope:
            dataset = store.get(scope.read, turn.id)
        if dataset is None or dataset.status is not DatasetStatus.VALIDATING:
            self._under_way.pop(turn.id, None)
            return None
        future = self._under_way.get(turn.id)
        if future is None:
            future = self._under_way[turn.id] = self._pool.submit(self._check, turn.id)
        if not future.done():
            return Outcome(values={}, due_in=_LOOK)
        del self._under_way[turn.id]
        report = future.result()

        def record(scope: Scope) -> None:
            newest = store.get(scope.write, dataset.id)
            if newest is not None:
                store.save_report(scope.write, newest, report)

        return Outcome(values={}, due_in=None, also=[record])

    def wait(self) -> None:
        """Wait until every validation under way has come to its end."""
        for future in list(self._under_way.values()):
            future.exception()

    def close(self) -> None:
        """Take no more work, and do not wait for what is under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _check(self, identifier: str) -> DatasetReport:
        with self._scopes.open(ENGINE) as scope:
            return datasets.check(scope, identifier)
