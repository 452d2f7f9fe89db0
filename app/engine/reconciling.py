"""One turn of one row: what an act is given, and what it comes to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from app.domain.actors import ENGINE
from app.engine import backoff
from app.engine.background_tasks import BackgroundTasks
from app.kit.crash_points import CrashPoint, reached
from app.services import datasets
from app.services.scope import Scope, Scopes
from app.store import leases
from app.store.leases import Claim

SideEffect = Callable[[Scope], None]
T = TypeVar("T")


class LeaseLost(Exception):
    """Somebody else has the row by now; what this turn found is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What to record in one transaction: column values, when to look again (None: never), and what else to write."""

    values: Mapping[str, Any]
    due_in: timedelta | None
    side_effects: Sequence[SideEffect] = ()


# An outcome that can only be found under the write lock (admission) is handed back as a function of the open scope.
DeferredResult = StepResult | Callable[[Scope], StepResult]


class ReconcileContext:
    """A claimed row, and the means to act on it."""

    def __init__(self, scopes: Scopes, claim: Claim, tasks: BackgroundTasks) -> None:
        self.claim = claim
        self.tasks = tasks
        self.scopes = scopes

    @property
    def id(self) -> str:
        """The row's id."""
        return self.claim.id

    def now(self) -> datetime:
        """Return the present moment."""
        return self.scopes.app_context.clock.now()

    @contextmanager
    def open(self) -> Iterator[Scope]:
        """Give a scope of the engine's own; commits when the block ends."""
        with self.scopes.open(ENGINE) as scope:
            yield scope

    def apart(self, name: str, sources: Sequence[str], call: Callable[[], T]) -> T:
        """Do a step at once, or, where its datasets are so large that it may outlast the lease, beside the turns.

        Raises:
            NotReady: while it is being done.
        """
        with self.open() as scope:
            known = datasets.many(scope, sources)
        if sum(each.bytes for each in known.values()) <= self.tasks.from_bytes:
            return call()
        return self.tasks.result(f"{self.id}:{name}", call)

    def canonical(
        self, sources: Sequence[str], make: Callable[[Scope, str], Path] = datasets.canonical
    ) -> Sequence[Path]:
        """Return the files with the canonical rows of these datasets, as `make` has them.

        Raises:
            NotReady: while large ones are being made.
            Invalid, Conflict, NotFound: when a row cannot be understood, or a file is gone.
        """

        def made() -> Sequence[Path]:
            with self.open() as scope:
                return [make(scope, each) for each in sources]

        return self.apart("convert", sources, made)

    def keep(self, values: Mapping[str, Any]) -> None:
        """Write values now, before something that cannot be taken back, and go on.

        Raises:
            LeaseLost: when the row is somebody else's, or the lease is over: what was to follow must not be done.
        """
        with self.open() as scope:
            held = leases.keep(scope.write, self.claim, values)
        if not held or self.now().timestamp() >= self.claim.until:
            raise LeaseLost(self.id)

    def record(self, decision: DeferredResult) -> None:
        """Write what the act came to, in one transaction.

        Raises:
            LeaseLost: when the row is somebody else's; then nothing is written.
        """
        with self.open() as scope:
            tx = scope.write
            result = decision if isinstance(decision, StepResult) else decision(scope)
            due_at = None if result.due_in is None else self._due_at(result.due_in)
            if not leases.settle(tx, self.claim, result.values, due_at=due_at, at=scope.now()):
                raise LeaseLost(self.id)
            for write in result.side_effects:
                write(scope)
            reached(CrashPoint.RECORDING)
        reached(CrashPoint.RECORDED)

    def _due_at(self, wait: timedelta) -> float:
        jittered = backoff.jittered(wait, seed=f"{self.claim.id}:{self.claim.fence}")
        return (self.now() + jittered).timestamp()
