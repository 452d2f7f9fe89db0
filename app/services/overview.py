"""What the overview shows: what runs, what costs, what needs somebody, and how the last jobs ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.connections import CheckStatus, Connection
from app.domain.deployments import Deployment, DeploymentStatus
from app.domain.drafts import JobDraft
from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.metrics import TRAIN_LOSS, MetricSeries
from app.runtimes.environments import RuntimeState
from app.services import connections, drafts, evaluations, job_models, jobs, lifecycle, prices, verbs
from app.services.evaluations import JobEvaluations
from app.services.scope import Scope
from app.store import deployments as deployment_store
from app.store import metrics as metric_store
from app.store import top_bar as store
from app.store.downsampling import downsample
from app.store.top_bar import TopBar

_SPARK_POINTS = 60
_SHOWN = 5
_SHOWN_PROJECTS = 12
_OPEN = (JobStatus.PREPARING, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.CANCELLING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The top bar's figures."""

    running: int
    queued: int
    hosting: int
    hosting_cost: prices.Hosting


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Something that needs somebody: what, why, and where."""

    # job_failed | job_unknown | job_model | deployment_failed | connection_paused | connection_unhealthy, or what ends:
    # draft_ending | model_ending | deployment_ending
    kind: str
    id: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """A job under way with the curve of its training loss so far."""

    job: FineTuningJob
    loss: MetricSeries | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedJob:
    """A job that succeeded, with what judges its result."""

    job: FineTuningJob
    evaluations: JobEvaluations


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole page."""

    first_run: bool
    attention: Sequence[Attention]
    running: Sequence[RunningJob]
    deployments: Sequence[Deployment]
    finished: Sequence[FinishedJob]
    drafts: Sequence[JobDraft]
    runtime: RuntimeState


@verbs.reads("overview")
def top_bar(scope: Scope, chosen: str = "") -> TopBar:
    """Return what stands around every page; `chosen` is the id of a project that it names in any case."""
    return scope.read_once(("top bar", chosen), lambda tx: store.read(tx, projects=_SHOWN_PROJECTS, chosen=chosen))


@verbs.reads("overview")
def counts(scope: Scope) -> Counts:
    """Return the top bar's figures."""
    return counted(top_bar(scope))


def counted(found: TopBar) -> Counts:
    """Return the figures in what stands around a page."""
    by_status, served = found.open_jobs, prices.hosting(found.bills)
    return Counts(
        running=by_status.get(JobStatus.RUNNING, 0) + by_status.get(JobStatus.CANCELLING, 0),
        queued=sum(by_status.get(each, 0) for each in (JobStatus.PENDING, JobStatus.PREPARING, JobStatus.QUEUED)),
        hosting=served.deployments,
        hosting_cost=served,
    )


@verbs.reads("overview")
def summary(scope: Scope) -> Overview:
    """Return everything that the overview shows."""
    open_jobs = jobs.list_jobs(scope, statuses=(*_OPEN, JobStatus.PENDING), limit=20).items
    done = jobs.list_jobs(scope, statuses=(JobStatus.SUCCEEDED,), limit=_SHOWN).items
    served = deployment_store.page(scope.read, limit=20, cursor=None).items
    return Overview(
        first_run=not open_jobs and not done and not jobs.list_jobs(scope, limit=1).items,
        attention=_attention(scope, done, served),
        running=[RunningJob(job=job, loss=_loss(scope, job)) for job in open_jobs],
        deployments=served,
        finished=[FinishedJob(job=job, evaluations=evaluations.for_job(scope, job.id)) for job in done],
        drafts=drafts.list_drafts(scope, limit=_SHOWN).items,
        runtime=scope.runtimes.state("trl"),
    )


@verbs.reads("overview")
def spark(scope: Scope, job_id: str) -> MetricSeries | None:
    """Return the curve of a job's training loss, thinned for a row of a table."""
    found = metric_store.columns(scope.read, job_id, names=(TRAIN_LOSS,))
    return downsample(found[0], _SPARK_POINTS) if found else None


def _loss(scope: Scope, job: FineTuningJob) -> MetricSeries | None:
    return spark(scope, job.id)


def _attention(scope: Scope, done: Sequence[FineTuningJob], served: Sequence[Deployment]) -> list[Attention]:
    needed = [
        Attention(kind=kind, id=job.id, title=job.spec.name, detail=job.message)
        for status, kind in ((JobStatus.UNKNOWN, "job_unknown"), (JobStatus.FAILED, "job_failed"))
        for job in jobs.list_jobs(scope, statuses=(status,), limit=_SHOWN).items
    ]
    needed += [
        Attention(kind="job_model", id=job.id, title=job.spec.name, detail=job.message)
        for job in done
        if job_models.lacks_model(scope, job)
    ]
    needed += [
        Attention(kind="deployment_failed", id=each.id, title=each.name, detail=each.message)
        for each in served
        if each.status is DeploymentStatus.FAILED
    ]
    needed += [each for connection in connections.list_connections(scope) for each in _ailments(connection)]
    return needed + [_ending(each) for each in lifecycle.endings(scope)]


def _ending(each: lifecycle.Ending) -> Attention:
    life = each.base.lifecycle
    day = f"{each.base.name}: {each.day.isoformat()}." if each.day else f"{each.base.name}."
    instead = f" Replacement: {life.replacement}." if life.replacement else ""
    return Attention(kind=f"{each.kind}_ending", id=each.id, title=each.title, detail=f"{day} {life.note}{instead}")


def _ailments(connection: Connection) -> list[Attention]:
    if connection.paused_reason is not None:
        detail = connection.paused_reason
        return [Attention(kind="connection_paused", id=connection.id, title=connection.name, detail=detail)]
    if connection.doctor is None or connection.doctor.healthy:
        return []
    failed = ", ".join(check.title for check in connection.doctor.checks if check.status is CheckStatus.FAIL)
    return [Attention(kind="connection_unhealthy", id=connection.id, title=connection.name, detail=failed)]
