"""Those who wait in line at a connection."""

from app.domain.evaluations import EvaluationStatus
from app.store import evaluations, jobs, leases
from app.store.database import Writer


def wake(tx: Writer, connection: str, *, due_at: float) -> None:
    """Let those look again who wait for a slot at a connection: every evaluation, and the first job in line.

    `due_at`: seconds since 1970.
    """
    waiting = [each.id for each in evaluations.open_at(tx, connection) if each.status is EvaluationStatus.PENDING]
    leases.wake(tx, "evaluations", waiting, due_at=due_at)
    first = jobs.first_waiting(tx, connection)
    leases.wake(tx, "jobs", [] if first is None else [first], due_at=due_at)
