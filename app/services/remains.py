"""Verbs on what nobody needs any more: processes and run folders that no row stands for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.domain.errors import Conflict
from app.domain.events import EventLevel
from app.domain.runs import KeepsRuns, Remains, RemainsReason
from app.kit.crash_points import CrashPoint, reached
from app.services.asking import asking
from app.services.found import found
from app.services.scope import Backends, Scope
from app.store import events as event_store
from app.store import levels

NOTICED = "remains"  # the kind of the journal entry that says since when a run is not needed


def listed(scope: Scope) -> Sequence[Remains]:
    """Return the runs that nothing needs: nobody knows them, or they are over and a process still works for them.

    Raises:
        ProviderFailed: when a backend cannot say what lies there.
    """
    found_here = []
    for name, backend in _keepers(scope.backends).items():
        with asking():
            tags = backend.run_tags()
        over = levels.over(scope.read, tags)
        for tag in tags:
            with asking():
                reason = _reason(backend, tag, over)
                run = backend.run(tag) if reason is not None else None
            if reason is not None and run is not None:
                noticed = event_store.of_kind(scope.read, tag, NOTICED)
                at = noticed[-1].at if noticed else None
                found_here.append(Remains(run=run, backend=name, reason=reason, noticed_at=at))
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


def notice(scope: Scope, remains: Remains) -> Remains:
    """Write down since when a run is known to be of no use; what stands there already counts."""
    if remains.noticed_at is not None:
        return remains
    what = "A process is at work" if remains.run.alive else "A folder lies here"
    said = f"{what}, and nothing needs it."
    event_store.add(scope.write, remains.run.tag, said, at=scope.now(), level=EventLevel.WARNING, kind=NOTICED)
    return replace(remains, noticed_at=scope.now())


def clear(scope: Scope, tag: str) -> None:
    """End the process of a run that nothing needs or, where none is at work, remove its folder.

    Raises:
        NotFound: when there is no such run.
        Conflict: when something needs it after all.
        ProviderFailed: when the backend cannot do it.
    """
    keepers = _keepers(scope.backends)
    with asking():
        keeper = next((name for name, each in keepers.items() if tag in each.run_tags()), None)
    found(keeper, "run", tag)
    remains = next((each for each in listed(scope) if each.run.tag == tag), None)
    if remains is None:
        raise Conflict("The run is still needed.", fix="Cancel or delete what it belongs to.")
    backend = keepers[remains.backend]
    scope.release()
    with asking():
        if remains.run.alive:
            backend.end_run(tag)
        else:
            backend.remove_run(tag)
            reached(CrashPoint.SWEPT)


def _keepers(backends: Backends) -> dict[str, KeepsRuns]:
    return {name: each for name, each in backends.everyone().items() if isinstance(each, KeepsRuns)}


def _reason(backend: KeepsRuns, tag: str, over: Mapping[str, bool]) -> RemainsReason | None:
    if tag not in over:
        return RemainsReason.UNKNOWN
    return RemainsReason.OVER if over[tag] and backend.is_at_work(tag) else None
