"""A paused connection: looked at by itself until it answers again."""

from app.domain.backend import BackendError, NotAuthorised
from app.engine import admission, backoff
from app.engine.reconciling import ReconcileContext, StepResult
from app.engine.step import entry, sentence
from app.store import connections as store


def reconcile(context: ReconcileContext) -> StepResult | None:
    """Ask the claimed connection's backend whether it could train now; None if it is not paused (any more).

    A pause that is lifted so still counts its looks: should the next work there be refused again, the one after that
    comes later. Only work that succeeds, a person, or the doctor counts them anew.
    """
    with context.open() as scope:
        connection = store.get(scope.read, context.id)
        if connection is None or connection.paused_reason is None:
            return None
        backend = scope.backends.of(connection)
    attempts = connection.attempts + 1
    try:
        backend.check()
    except BackendError as error:
        said = sentence(error)
        reason = said if isinstance(error, NotAuthorised) else connection.paused_reason
        values = {"paused_reason": reason, "note": said, "attempts": attempts}
        return StepResult(values=values, due_in=backoff.paused_look(attempts))
    return StepResult(
        values={"paused_reason": None, "note": "", "attempts": attempts},
        due_in=None,
        side_effects=[entry(context.id, admission.LIFTED), admission.wake_waiting(context.id)],
    )
