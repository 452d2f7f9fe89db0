"""Verbs on the engine itself: how it is, and to look at a thing now rather than when its turn comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import Conflict, NotFound
from app.domain.runs import OrphanRun
from app.services import orphan_runs, verbs
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scope
from app.store import events as event_store
from app.store import leases, queue_stats
from app.store.queue_stats import Held, Level, Retrying

_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHealth:
    """Everything that stands in the database and on the disk about the engine; whether it turns, its process says."""

    levels: Sequence[Level]
    held: Sequence[Held]
    retrying: Sequence[Retrying]
    counters: Mapping[str, int]
    journal: int  # entries of the journal so far
    orphan_runs: Sequence[OrphanRun]
    orphan_runs_problem: str  # why it cannot be said what remains, "" where it can
    overdue_s: float  # how long the oldest row that nobody holds has been due, 0 where none is


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is counted of this installation's work, for whoever watches many of them."""

    statuses: Mapping[str, Mapping[str, int]]  # by noun and status
    levels: Sequence[Level]
    overdue_s: float
    counters: Mapping[str, int]
    paused: int  # connections
    disk_free: int  # bytes


@verbs.reads("engine")
def figures(scope: Scope) -> Figures:
    """Return what is counted."""
    now = scope.due_now()
    levels = queue_stats.seen(scope.read, now=now)
    return Figures(
        statuses=queue_stats.statuses(scope.read),
        levels=levels,
        overdue_s=_overdue(levels, now),
        counters=queue_stats.counters(scope.read),
        paused=queue_stats.paused(scope.read),
        disk_free=scope.files.free_bytes(),
    )


def _overdue(levels: Sequence[Level], now: float) -> float:
    oldest = [level.oldest_due_at for level in levels if level.oldest_due_at is not None]
    # A row that was given back is due since 1970: that is no delay.
    return max((now - due for due in oldest if due > 0), default=0.0)


@verbs.reads("engine")
def health(scope: Scope) -> EngineHealth:
    """Return how the engine is."""
    now = scope.due_now()
    seen = queue_stats.seen(scope.read, now=now)
    left, problem = _orphan_runs(scope)
    return EngineHealth(
        levels=seen,
        held=queue_stats.held(scope.read, limit=_SHOWN),
        retrying=queue_stats.retrying(scope.read, limit=_SHOWN),
        counters=queue_stats.counters(scope.read),
        journal=event_store.count(scope.read),
        orphan_runs=left,
        orphan_runs_problem=problem,
        overdue_s=_overdue(seen, now),
    )


def _orphan_runs(scope: Scope) -> tuple[Sequence[OrphanRun], str]:
    try:
        return orphan_runs.listed(scope), ""
    except PROVIDER_ERRORS as error:  # the page is read most when something fails
        return (), error.message


@verbs.writes("engine")
def look_now(scope: Scope, table: str, identifier: str) -> datetime:
    """Let the engine look at a job, a deployment or an evaluation at once, and count its tries anew; return now.

    Raises:
        NotFound: when there is no such thing.
        Conflict: when it is over, so that there is nothing to look at.
    """
    woken = leases.look_now(scope.write, table, identifier, due_at=scope.due_now())
    if woken is None:
        raise NotFound(table.removesuffix("s"), identifier)
    if not woken:
        raise Conflict("It is over: there is nothing to try again.", fix="Begin a new one.")
    event_store.add(scope.write, identifier, f"{scope.actor} asked to try again now.", at=scope.now(), kind="request")
    scope.nudge()
    return scope.now()
