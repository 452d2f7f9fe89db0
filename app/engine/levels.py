"""Which act belongs to which row, and what a row is told when an act breaks off for a reason of our own."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from app.domain.errors import DomainError
from app.domain.events import EventLevel
from app.domain.jobs import JobStatus
from app.engine import datasets, deployments, evaluations, pace
from app.engine.following import act_following
from app.engine.jobs import Work, entry, open_work
from app.engine.preparing import act_preparing
from app.engine.turn import Decision, Outcome, Turn
from app.engine.waiting import act_pending, act_unknown
from app.services.scope import Scope
from app.store import deployments as stored_deployments
from app.store import evaluations as stored_evaluations
from app.store import jobs as stored_jobs

JOB_ACTS: Mapping[JobStatus, Callable[[Work], Decision]] = {
    JobStatus.PENDING: act_pending,
    JobStatus.PREPARING: act_preparing,
    JobStatus.QUEUED: act_following,
    JobStatus.RUNNING: act_following,
    JobStatus.CANCELLING: act_following,
    JobStatus.UNKNOWN: act_unknown,
}
NOTHING = Outcome(values={}, due_in=None)


def act_job(turn: Turn) -> Decision | None:
    """Take the next step of the claimed job; None if there is nothing to do."""
    work = open_work(turn)
    return None if work is None else JOB_ACTS[work.job.status](work)


ACTS: Mapping[str, Callable[[Turn], Decision | None]] = {
    "deployments": deployments.act,
    "evaluations": evaluations.act,
    "jobs": act_job,
    "datasets": datasets.act,
}


def broke_off(turn: Turn, error: Exception) -> Callable[[Scope], Outcome]:
    """Return what an unexpected error comes to: a note, a journal entry the first time, and another try later."""
    said = _sentence(error)

    def decide(scope: Scope) -> Outcome:
        values, attempts = _noted(scope, turn, said)
        also = [entry(turn.id, said, level=EventLevel.ERROR)] if attempts == 1 else []
        return Outcome(values=values, due_in=pace.backoff(attempts), also=also)

    return decide


def _sentence(error: Exception) -> str:
    if isinstance(error, DomainError):
        return f"{error.message} {error.fix}".strip()
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The disk is full. Free some space; then it goes on by itself."
    kind = type(error).__name__
    return f"TuneDesk met an error of its own ({kind}); it tries again. The server's log has the details."


def _noted(scope: Scope, turn: Turn, said: str) -> tuple[dict[str, Any], int]:
    tx = scope.write
    match turn.claim.table:
        case "jobs":
            job = stored_jobs.get(tx, turn.id)
            if job is not None:
                job = replace(job, note=said, attempts=job.attempts + 1)
                return stored_jobs.values(job), job.attempts
        case "deployments":
            deployment = stored_deployments.get(tx, turn.id)
            if deployment is not None:
                deployment = replace(deployment, note=said, attempts=deployment.attempts + 1)
                return stored_deployments.values(deployment), deployment.attempts
        case "evaluations":
            evaluation = stored_evaluations.get(tx, turn.id)
            if evaluation is not None:
                evaluation = replace(evaluation, note=said, attempts=evaluation.attempts + 1)
                return stored_evaluations.values(evaluation), evaluation.attempts
    return {}, turn.claim.gen
