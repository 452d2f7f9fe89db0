"""Verbs on giving back the space that checkpoints of finished jobs take."""

from collections.abc import Sequence
from datetime import timedelta

from app.domain.backend import RemoteJob
from app.domain.backend_abilities import DiscardsCheckpoints
from app.domain.errors import Conflict
from app.domain.jobs import FineTuningJob
from app.services import connections, jobs, verbs
from app.services.scope import Scope
from app.store import checkpoints, events


@verbs.reads("jobs")
def expired(scope: Scope, *, job: str | None = None, limit: int = 1000) -> Sequence[str]:
    """Return the jobs (of all, or only `job`) that succeeded so long ago that their checkpoints are to go.

    There are none where they are kept for ever, or where the backend keeps them. What a failed or cancelled job has
    saved is all that is left of it: that goes only when somebody says so.
    """
    days = scope.app_context.checkpoint_days
    if days <= 0:
        return ()
    able = [each.id for each in connections.list_connections(scope) if scope.able(each.id, DiscardsCheckpoints)]
    before = scope.now() - timedelta(days=days)
    return checkpoints.jobs_with_some(scope.read, ended_before=before, connections=able, job=job, limit=limit)


@verbs.deletes("jobs")
def discard(scope: Scope, identifier: str) -> FineTuningJob:
    """Remove a finished job's checkpoints; models that were made of them stay. Asking again is fine.

    Raises:
        Conflict: while the job is under way, or where the backend keeps its checkpoints.
    """
    job = give_back(scope, identifier)
    record_given_back(scope, identifier)
    return job


@verbs.deletes("jobs")
def give_back(scope: Scope, identifier: str) -> FineTuningJob:
    """Have the backend remove a finished job's checkpoints, and record nothing. May be repeated.

    Raises:
        Conflict: as `discard`.
    """
    job = jobs.get(scope, identifier).steered()
    if not job.status.is_final:
        raise Conflict("The job is still under way and needs its checkpoints.", fix="Wait for its end, or cancel it.")
    if job.remote_id is None:
        raise Conflict("There are no checkpoints that could be removed.", fix="Nothing needs to be done.")
    with scope.ask(job.spec.connection, DiscardsCheckpoints) as backend:
        backend.discard_checkpoints(RemoteJob(job.remote_id))
    return job


@verbs.deletes("jobs")
def record_given_back(scope: Scope, identifier: str) -> None:
    """Record that a job's checkpoints are gone."""
    if checkpoints.forget(scope.write, identifier):
        sentence = f"Checkpoints removed by {scope.actor}."
        events.add(scope.write, identifier, sentence, at=scope.now(), kind="note")
