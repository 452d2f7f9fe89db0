"""Verbs on what nobody needs any more: processes and run folders that no row stands for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.domain.errors import Conflict, or_not_found
from app.domain.events import EventLevel
from app.domain.runs import ListsRuns, OrphanRun, OrphanRunReason
from app.kit.crash_points import CrashPoint, reached
from app.services import verbs
from app.services.provider_errors import provider_errors
from app.services.scope import Backends, Scope
from app.store import events as event_store
from app.store import queue_stats

NOTICED = "remains"  # the kind of the journal entry that says since when a run is not needed


@verbs.reads("engine")
def listed(scope: Scope) -> Sequence[OrphanRun]:
    """Return the runs that nothing needs: nobody knows them, or they are over and a process still works for them.

    Raises:
        ProviderFailed: when a backend cannot say what lies there.
    """
    found_here = []
    for name, backend in _keepers(scope.backends).items():
        with provider_errors():
            tags = backend.run_tags()
        over = queue_stats.over(scope.read, tags)
        for tag in tags:
            with provider_errors():
                reason = _reason(backend, tag, over)
                run = backend.run(tag) if reason is not None else None
            if reason is not None and run is not None:
                noticed = event_store.of_kind(scope.read, tag, NOTICED)
                at = noticed[-1].at if noticed else None
                found_here.append(OrphanRun(run=run, backend=name, reason=reason, noticed_at=at))
    return found_here


def at_work(backends: Backends) -> Mapping[str, int]:
    """Return how many processes of ours are at work on this machine: trainings, evaluations, deployed models."""
    counted = Counter(
        tag.partition("_")[0]
        for backend in _keepers(backends).values()
        for tag in backend.run_tags()
        if backend.is_at_work(tag)
    )
    return {"trainings": counted["job"], "evaluations": counted["evl"], "deployed models": counted["dep"]}


@verbs.writes("engine")
def notice(scope: Scope, orphan_runs: OrphanRun) -> OrphanRun:
    """Write down since when a run is known to be of no use; what stands there already counts."""
    if orphan_runs.noticed_at is not None:
        return orphan_runs
    what = "A process is at work" if orphan_runs.run.alive else "A folder lies here"
    said = f"{what}, and nothing needs it."
    event_store.add(scope.write, orphan_runs.run.tag, said, at=scope.now(), level=EventLevel.WARNING, kind=NOTICED)
    return replace(orphan_runs, noticed_at=scope.now())


@verbs.deletes("engine")
def clear(scope: Scope, tag: str) -> None:
    """End the process of a run that nothing needs or, where none is at work, remove its folder.

    Raises:
        NotFound: when there is no such run.
        Conflict: when something needs it after all.
        ProviderFailed: when the backend cannot do it.
    """
    keepers = _keepers(scope.backends)
    with provider_errors():
        keeper = next((name for name, each in keepers.items() if tag in each.run_tags()), None)
    or_not_found(keeper, "run", tag)
    orphan_runs = next((each for each in listed(scope) if each.run.tag == tag), None)
    if orphan_runs is None:
        raise Conflict("The run is still needed.", fix="Cancel or delete what it belongs to.")
    backend = keepers[orphan_runs.backend]
    scope.release()
    with provider_errors():
        if orphan_runs.run.alive:
            backend.end_run(tag)
        else:
            backend.remove_run(tag)
            reached(CrashPoint.SWEPT)


def _keepers(backends: Backends) -> dict[str, ListsRuns]:
    return {name: each for name, each in backends.built_in.items() if isinstance(each, ListsRuns)}


def _reason(backend: ListsRuns, tag: str, over: Mapping[str, bool]) -> OrphanRunReason | None:
    if tag not in over:
        return OrphanRunReason.UNKNOWN
    return OrphanRunReason.OVER if over[tag] and backend.is_at_work(tag) else None
