"""What may outlast a lease, done beside the turns: begun by one of them, and taken in by a later one."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from app.domain.actors import ENGINE
from app.domain.errors import DomainError
from app.domain.events import EventLevel
from app.engine import backoff
from app.engine.background_tasks import NotReady
from app.engine.reconciling import DeferredResult, ReconcileContext, StepResult
from app.engine.step import entry
from app.services.scope import Scope
from app.store import leases

T = TypeVar("T")
_LOOK = timedelta(seconds=1)
_WELL: Mapping[str, Any] = {"note": "", "attempts": 0}


def apart(
    context: ReconcileContext,
    name: str,
    call: Callable[[Scope], T],
    record: Callable[[Scope, T], None],
    *,
    calls_out: bool = True,
    values: Mapping[str, Any] = _WELL,
) -> DeferredResult:
    """Return what has come of `call` by now: a look later, another try, or what `record` and `values` write of it.

    What was begun is lost with the process, so `call` must be one that may be repeated. It asks a provider, if it
    `calls_out`.
    """
    scopes = context.scopes

    def task() -> T:
        with scopes.open(ENGINE) as scope:
            return call(scope)

    try:
        found = context.tasks.result(f"{context.id}:{name}", task, calls_out=calls_out)
    except NotReady:
        return StepResult(values={}, due_in=_LOOK)
    except DomainError as error:
        return try_again(context, f"{error.message} {error.fix}".strip(), EventLevel.WARNING)
    return StepResult(values=values, due_in=None, side_effects=[lambda scope: record(scope, found)])


def forget(context: ReconcileContext, name: str) -> None:
    """Drop what was begun and nobody wants any more, so that it is not taken for what came of a later request."""
    context.tasks.forget(f"{context.id}:{name}")


def try_again(context: ReconcileContext, said: str, level: EventLevel) -> Callable[[Scope], StepResult]:
    """Return the row for another try, later each time; the first one that failed stands in the journal."""

    def decide(scope: Scope) -> StepResult:
        tried = leases.attempts(scope.write, context.claim)
        attempts = context.claim.fence if tried is None else tried + 1
        values = {} if tried is None else {"note": said, "attempts": attempts}
        side_effects = [entry(context.id, said, level=level)] if attempts == 1 else []
        return StepResult(values=values, due_in=backoff.retry_delay(attempts), side_effects=side_effects)

    return decide
