"""Verbs on the line of jobs that wait for a place at a connection."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from app.domain.errors import Conflict
from app.domain.jobs import FineTuningJob, JobGoal, JobStatus
from app.services import jobs, verbs
from app.services.scope import Scope
from app.store import events, leases
from app.store import jobs as store

_LISTED = 200


class Move(StrEnum):
    """Where in the line a job is to stand."""

    FRONT = "front"
    UP = "up"
    DOWN = "down"
    BACK = "back"


@verbs.reads("jobs")
def line(scope: Scope, connection: str, *, limit: int = _LISTED) -> Sequence[FineTuningJob]:
    """Return the jobs that wait for a place at a connection, the one that is next first."""
    return store.waiting(scope.read, connection, limit=limit)


@verbs.reads("jobs")
def lines(scope: Scope, *, limit: int = _LISTED) -> Mapping[str, Sequence[FineTuningJob]]:
    """Return the line of each connection where more than one job waits, by the connection's id."""
    waiting: dict[str, list[FineTuningJob]] = {}
    for job in store.lines(scope.read, limit=limit):
        waiting.setdefault(job.spec.connection, []).append(job)
    return {connection: found for connection, found in waiting.items() if len(found) > 1}


@verbs.reads("jobs")
def position(scope: Scope, job: FineTuningJob) -> tuple[int, int] | None:
    """Return a waiting job's place in its line, counted from 1, and the line's length; None where it waits in none."""
    if job.status is not JobStatus.PENDING or job.goal is not JobGoal.FINISHED:
        return None
    waiting = store.order(scope.read, job.spec.connection)
    return (waiting.index(job.id) + 1, len(waiting)) if job.id in waiting else None


@verbs.writes("jobs")
def move(scope: Scope, identifier: str, to: Move) -> FineTuningJob:
    """Give a waiting job another place among those of the same person; at an end, further that way changes nothing.

    Raises:
        Conflict: when it does not wait any more.
    """
    tx = scope.write
    job = jobs.get(scope, identifier)
    ranks = store.ranks(tx, job.spec.connection, job.created_by)
    here = next((number for number, (waiting, _) in enumerate(ranks) if waiting == identifier), None)
    if here is None:
        message = f"The job is {job.status}, so it is not in the queue."
        raise Conflict(message, fix="Only jobs that wait for a place can be moved.")
    for moved, rank in _ranks_after(ranks, here, to):
        store.set_rank(tx, moved, rank)
    events.add(tx, identifier, f"{scope.actor} moved it in the line: {to}.", at=scope.now(), kind="request")
    first = store.first_waiting(tx, job.spec.connection)
    if first is not None:
        leases.wake(tx, "jobs", [first], due_at=scope.due_now())
    scope.nudge()
    return job


def _ranks_after(ranks: Sequence[tuple[str, int]], here: int, to: Move) -> Sequence[tuple[str, int]]:
    """Return who gets which rank. Neighbours change places; beyond an end, there is always another number."""
    identifier, rank = ranks[here]
    match to:
        case Move.FRONT:
            return [] if here == 0 else [(identifier, ranks[0][1] - 1)]
        case Move.BACK:
            return [] if here == len(ranks) - 1 else [(identifier, ranks[-1][1] + 1)]
        case Move.UP | Move.DOWN:
            there = here + (1 if to is Move.DOWN else -1)
            if not 0 <= there < len(ranks):
                return []
            neighbour, other = ranks[there]
            if other != rank:
                return [(identifier, other), (neighbour, rank)]
            order = list(ranks)
            order[here], order[there] = order[there], order[here]
            return _apart(order)


def _apart(order: Sequence[tuple[str, int]]) -> Sequence[tuple[str, int]]:
    """Return ranks that keep an order whose ranks do not tell all apart: jobs of the same microsecond."""
    found: list[tuple[str, int]] = []
    for identifier, rank in order:
        found.append((identifier, max(rank, found[-1][1] + 1) if found else rank))
    return found
