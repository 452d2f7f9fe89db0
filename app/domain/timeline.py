"""The stages of a job as people see them, with what each one took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.deployments import Deployment, DeploymentStatus
from app.domain.evaluations import Evaluation, EvaluationStatus
from app.domain.events import Event
from app.domain.jobs import FineTuningJob, JobStatus


class StageState(StrEnum):
    """How a stage stands."""

    DONE = "done"
    CURRENT = "current"
    WAITING = "waiting"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: its name is one of waiting, data, queue, training, model, evaluation, deployment.

    `of` is the id of what it made: a model or a deployment.
    """

    name: str
    state: StageState
    started_at: datetime | None = None
    ended_at: datetime | None = None
    detail: str = ""
    of: str = ""


# Which stage each status belongs to; a final status belongs to the stage in which it was reached.
_STAGE_OF = {
    JobStatus.PENDING: "waiting",  # for its turn here; nothing is done for it
    JobStatus.PREPARING: "data",
    JobStatus.UNKNOWN: "queue",
    JobStatus.QUEUED: "queue",
    JobStatus.RUNNING: "training",
    JobStatus.PAUSED: "training",
    JobStatus.CANCELLING: "training",
}
_ORDER = ("waiting", "data", "queue", "training")
_GOOD = JobStatus.SUCCEEDED


def timeline(
    job: FineTuningJob,
    changes: Sequence[Event],
    evaluations: Sequence[Evaluation],
    deployments: Sequence[Deployment],
) -> list[Stage]:
    """Return the stages in order. `changes` are the job's status events, whose message is the status word."""
    began = _beginnings(job, changes)
    reached = [name for name in _ORDER if name in began]
    stages = []
    for position, name in enumerate(_ORDER):
        following = [began[later] for later in _ORDER[position + 1 :] if later in began]
        ended = following[0] if following else job.ended_at
        stages.append(
            Stage(
                name=name,
                state=_state(job, name, is_last=name == reached[-1], passed=bool(following)),
                started_at=began.get(name),
                ended_at=ended if name in began else None,
                detail=(job.note or job.message) if name == reached[-1] and job.status is not _GOOD else "",
            )
        )
    stages.append(_model_stage(job))
    return [*stages, _evaluation_stage(job, evaluations), _deployment_stage(job, deployments)]


def _beginnings(job: FineTuningJob, changes: Sequence[Event]) -> dict[str, datetime]:
    began = {"waiting": job.created_at}
    for change in changes:
        status = next((status for status in JobStatus if status.value == change.message), None)
        if status in _STAGE_OF:
            began.setdefault(_STAGE_OF[status], change.at)
    if job.started_at is not None:
        began.setdefault("training", job.started_at)
    return began


def _state(job: FineTuningJob, name: str, *, is_last: bool, passed: bool) -> StageState:
    if passed or (job.status is _GOOD):
        return StageState.DONE
    if not is_last:
        return StageState.SKIPPED if job.status.is_final else StageState.WAITING
    if job.status is JobStatus.FAILED:
        return StageState.FAILED
    if job.status is JobStatus.CANCELLED:
        return StageState.CANCELLED
    return StageState.CURRENT if name == _STAGE_OF[job.status] else StageState.DONE


def _after(job: FineTuningJob) -> StageState:
    return StageState.SKIPPED if job.status.is_final and job.status is not _GOOD else StageState.WAITING


def _model_stage(job: FineTuningJob) -> Stage:
    if job.fine_tuned_model is None:
        return Stage(name="model", state=_after(job))
    made, at = job.fine_tuned_model, job.ended_at
    return Stage(name="model", state=StageState.DONE, started_at=at, ended_at=at, of=made)


def _evaluation_stage(job: FineTuningJob, evaluations: Sequence[Evaluation]) -> Stage:
    mine = [each for each in evaluations if each.job == job.id]
    if not mine:
        done = job.status is _GOOD
        return Stage(name="evaluation", state=StageState.SKIPPED if done else _after(job))
    # What was taken over from an earlier job took this one no time: it began before it was asked for.
    own = [each for each in mine if each.started_at and each.started_at >= each.created_at]
    started = min((each.started_at for each in own if each.started_at), default=None)
    waiting = [each.note for each in mine if not each.status.is_final]
    if waiting:
        idle = started is None and all(waiting)
        detail = waiting[0] if all(waiting) else f"{sum(each.done_rows for each in mine)} rows answered"
        state = StageState.WAITING if idle else StageState.CURRENT
        return Stage(name="evaluation", state=state, started_at=started, detail=detail)
    ended = max((each.ended_at for each in own if each.ended_at), default=None)
    failed = all(each.status is EvaluationStatus.FAILED for each in mine)
    state = StageState.FAILED if failed else StageState.DONE
    return Stage(name="evaluation", state=state, started_at=started, ended_at=ended, detail=mine[-1].message)


def _deployment_stage(job: FineTuningJob, deployments: Sequence[Deployment]) -> Stage:
    if not deployments:
        return Stage(name="deployment", state=_after(job))
    last = deployments[-1]
    states = {DeploymentStatus.READY: StageState.DONE, DeploymentStatus.FAILED: StageState.FAILED}
    return Stage(
        name="deployment",
        state=states.get(last.status, StageState.CURRENT),
        started_at=last.created_at,
        ended_at=last.ready_at,
        detail=last.message,
        of=last.id,
    )
