"""Verbs on the raw logs of trainings: their end, or the whole as a file, where a backend keeps them."""

from collections.abc import Sequence
from pathlib import Path

from app.domain.backend import KeepsLogs, RemoteJob
from app.services import jobs, verbs
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scope

LOG_LINES = 200


@verbs.reads("jobs")
def log(scope: Scope, job: jobs.AnyJob, *, lines: int = LOG_LINES) -> Sequence[str]:
    """Return the end of the training's raw log; empty where the backend keeps none."""
    job = jobs.at_hand(scope, job)
    backend = scope.able(job.spec.connection, KeepsLogs)
    if job.remote_id is None or backend is None:
        return ()
    try:
        with scope.provider_call():
            return backend.log(RemoteJob(job.remote_id), lines=max(1, min(lines, 10_000)))
    except PROVIDER_ERRORS as error:
        return (f"The log cannot be read now: {error.message} {error.fix}".strip(),)


@verbs.reads("jobs")
def log_path(scope: Scope, identifier: str) -> Path | None:
    """Return the whole log as a file, where the backend keeps one."""
    job = jobs.get(scope, identifier)
    backend = scope.able(job.spec.connection, KeepsLogs)
    if job.remote_id is None or backend is None:
        return None
    with scope.provider_call():
        return backend.log_path(RemoteJob(job.remote_id))
