"""Verbs on fine-tuning jobs: make, steer, look."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.domain.backend import RemoteJob
from app.domain.backend_abilities import BatchRow, ShowsFirstBatch, StopsEarly
from app.domain.deployments import Deployment
from app.domain.errors import Conflict, Invalid, Problem, or_not_found
from app.domain.events import Event
from app.domain.hyperparameters import Hyperparameter
from app.domain.job_summaries import JobSummary
from app.domain.jobs import TRAINED, FineTuningJob, JobGoal, JobSpec, JobStatus
from app.domain.metrics import MetricSeries, Sample
from app.domain.prices import Bill
from app.domain.spending import AcceptedCost, most_of_job, require
from app.domain.timeline import Stage, timeline
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import checkpoints, estimates, notices, preflights, specs, verbs
from app.services.scope import Scope
from app.store import deployments as deployment_store
from app.store import evaluations as evaluation_store
from app.store import events as event_store
from app.store import job_page as page_store
from app.store import job_summaries as summary_store
from app.store import jobs as store
from app.store import metrics as metric_store
from app.store import samples as sample_store
from app.store.downsampling import downsample
from app.store.job_filter import Filter, is_named

MAX_POINTS = 5000
AnyJob = FineTuningJob | str  # a job, or its id
MOST_COUNTED = summary_store.MOST_COUNTED


@verbs.spends("jobs", verbs.Within(parameter="fields"))
def create(
    scope: Scope, fields: Mapping[str, Any], *, accepted: AcceptedCost | None = None, cloned_from: str | None = None
) -> FineTuningJob:
    """Record a job; the engine submits it.

    Raises:
        Invalid: with every problem at once.
        CostNotAccepted: as `record`.
    """
    checked = specs.check(scope, fields)
    if checked.spec is None:
        raise Invalid(checked.problems)
    preflights.refuse_blocked(scope, checked)
    bill = estimates.bill(scope, checked)
    prepare(scope, checked.spec, bill, accepted=accepted)
    return record(scope, checked.spec, bill, accepted=accepted, cloned_from=cloned_from)


@verbs.spends("jobs", verbs.Within(parameter="spec"))
def prepare(scope: Scope, spec: JobSpec, bill: Bill, *, accepted: AcceptedCost | None) -> None:
    """Make what a job needs before it is recorded, once it is agreed to: backends are asked, so nothing is written yet.

    Raises:
        CostNotAccepted: as `record`.
        Invalid: when the checkpoint that it is to begin at is gone.
    """
    require(bill, accepted, most=most_of_job(bill))
    checkpoints.keep_base(scope, spec)


@verbs.spends("jobs", verbs.Within(parameter="spec"))
def record(
    scope: Scope,
    spec: JobSpec,
    bill: Bill,
    *,
    accepted: AcceptedCost | None = None,
    cloned_from: str | None = None,
) -> FineTuningJob:
    """Record a job whose spec has been checked, with what it will be billed for (`estimates.bill`).

    Raises:
        CostNotAccepted: when it is billed, and nobody has agreed to pay as much.
    """
    require(bill, accepted, most=most_of_job(bill))
    tx, now = scope.write, scope.now()
    scope.files.check_room()
    job = FineTuningJob(
        id=scope.new_id("job"), spec=spec, created_at=now, changed_at=now, cloned_from=cloned_from, bill=bill
    )
    store.add(tx, job, due_at=scope.due_now())
    event_store.add(tx, job.id, JobStatus.PENDING.value, at=now)
    scope.nudge()
    return job


@verbs.reads("jobs")
def list_jobs(
    scope: Scope,
    *,
    statuses: Sequence[JobStatus] = (),
    project: str | None = None,
    connection: str | None = None,
    query: str | None = None,
    sort: str = "-created_at",
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[FineTuningJob]:
    """Return jobs, newest first unless `sort` says otherwise."""
    named = _is_named(scope, query)
    wanted = Filter(statuses=statuses, project=project, connection=connection, query=query, named=named)
    return store.page(scope.read, wanted, sort=_sort(sort), limit=limit, cursor=cursor)


@verbs.reads("jobs")
def summaries(
    scope: Scope,
    *,
    statuses: Sequence[JobStatus] = (),
    project: str | None = None,
    query: str | None = None,
    sort: str = "-created_at",
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[JobSummary]:
    """Return jobs as rows of a list, without what a row does not show."""
    wanted = Filter(statuses=statuses, project=project, query=query, named=_is_named(scope, query))
    return summary_store.page(scope.read, wanted, sort=_sort(sort), limit=limit, cursor=cursor)


def _sort(wanted: str) -> str:
    if wanted not in store.SORTS:
        listed = ", ".join(store.SORTS)
        raise Invalid([Problem("/sort", "invalid", f"Jobs cannot be sorted by {wanted!r}.", f"Use one of {listed}.")])
    return wanted


@verbs.reads("jobs")
def counts(scope: Scope, *, project: str | None = None, query: str | None = None) -> dict[JobStatus, int]:
    """Return how many of the jobs that fit are in each status; of a search, `MOST_COUNTED` + 1 stands for more."""
    return summary_store.counts(scope.read, Filter(project=project, query=query, named=_is_named(scope, query)))


def _is_named(scope: Scope, query: str | None) -> bool:
    return bool(query) and scope.read_once(("named", query), lambda tx: is_named(tx, query or ""))


@verbs.reads("jobs")
def get(scope: Scope, identifier: str) -> FineTuningJob:
    return or_not_found(store.get(scope.read, identifier), "job", identifier)


@verbs.reads("jobs")
def at_hand(scope: Scope, job: AnyJob) -> FineTuningJob:
    """Return the job itself: whoever has it at hand need not fetch it again."""
    return job if isinstance(job, FineTuningJob) else get(scope, job)


@verbs.writes("jobs")
def cancel(scope: Scope, identifier: str) -> FineTuningJob:
    """Ask for a job's end; asking again is fine.

    Raises:
        Conflict: when it has ended already in another way, or was made elsewhere.
    """
    tx = scope.write
    job = get(scope, identifier).steered()
    if job.status is JobStatus.CANCELLED:
        return job
    if job.status.is_final:
        raise Conflict(f"The job has already {job.status}.", fix="There is nothing left to cancel.")
    if job.goal is not JobGoal.CANCELLED:
        event_store.add(tx, identifier, f"{scope.actor} asked to cancel.", at=scope.now(), kind="request")
    store.set_goal(tx, identifier, JobGoal.CANCELLED, at=scope.now(), due_at=scope.due_now())
    scope.nudge()
    return get(scope, identifier)


@verbs.reads("jobs")
def stops_early(scope: Scope, job: FineTuningJob) -> bool:
    """Tell whether the job is at a point, and its backend one, where it can be stopped with what it has learned."""
    if job.status is not JobStatus.RUNNING or job.goal is not JobGoal.FINISHED or job.adopted:
        return False
    return scope.able(job.spec.connection, StopsEarly) is not None


@verbs.writes("jobs")
def stop(scope: Scope, identifier: str) -> FineTuningJob:
    """Ask a training to end now and to keep what it has learned as its model; asking again is fine.

    Raises:
        Conflict: when nothing has been trained yet, when it has ended or is being cancelled, or the backend cannot.
    """
    tx = scope.write
    job = get(scope, identifier).steered()
    if job.goal is JobGoal.STOPPED:
        return job
    if job.status.is_final or job.goal is JobGoal.CANCELLED:
        state = job.status if job.status.is_final else "being cancelled"
        raise Conflict(f"The job is {state} already.", fix="There is nothing left to stop.")
    if job.status is not JobStatus.RUNNING:
        raise Conflict("Nothing has been trained yet that could be kept.", fix="Cancel the job instead.")
    if not stops_early(scope, job):
        why = scope.backend(job.spec.connection).profile.why_not(StopsEarly)
        raise Conflict(why, fix="Cancel it instead.")
    sentence = f"{scope.actor} asked to stop, and to keep what has been learned."
    event_store.add(tx, identifier, sentence, at=scope.now(), kind="request")
    store.set_goal(tx, identifier, JobGoal.STOPPED, at=scope.now(), due_at=scope.due_now())
    scope.nudge()
    return get(scope, identifier)


@verbs.reads("jobs")
def samples(scope: Scope, job: AnyJob) -> Sequence[Sample]:
    """Return what the model in training answered to held-out prompts, steps rising."""
    job = at_hand(scope, job)
    return sample_store.of_job(scope.read, job.id)


@verbs.spends("jobs")
def retry(
    scope: Scope, identifier: str, *, seed: Hyperparameter | None = None, accepted: AcceptedCost | None = None
) -> FineTuningJob:
    """Make a new job with the same spec, and with this seed where the spec has none.

    Raises:
        Conflict: while the job is under way.
        Invalid: when what it used is no longer there.
        CostNotAccepted: as `record`.
    """
    job = _ended(scope, identifier)
    fields = fields_of(job.spec)
    again = fields | {"seed": seed if fields["seed"] is None else fields["seed"]}
    return create(scope, again, accepted=accepted, cloned_from=job.id)


@verbs.reads("jobs")
def bill_of_retry(scope: Scope, identifier: str) -> Bill:
    """Return what the same job would be billed for now.

    Raises:
        Conflict, Invalid: as `retry`.
    """
    checked = specs.check(scope, fields_of(_ended(scope, identifier).spec))
    if checked.spec is None:
        raise Invalid(checked.problems)
    return estimates.bill(scope, checked)


def _ended(scope: Scope, identifier: str) -> FineTuningJob:
    job = get(scope, identifier)
    if not job.status.is_final:
        raise Conflict("The job is still under way.", fix="Cancel it first, or wait until it ends.")
    if job.spec.method not in TRAINED:  # adopted
        message = f"It was trained by {job.spec.method_name}, which nothing here trains by."
        raise Invalid([Problem("/method", "unsupported", message, "Run it again where it was made.")])
    return job


@verbs.writes("jobs")
def resolve(
    scope: Scope, identifier: str, *, remote_id: str | None = None, not_submitted: bool = False, give_up: bool = False
) -> FineTuningJob:
    """Settle a submit whose outcome nobody could establish: it is that job there, it never was, or give it up.

    Raises:
        Conflict: when the job is in no doubt.
        Invalid: when not exactly one of the answers is given.
    """
    tx, now = scope.write, scope.now()
    job = get(scope, identifier)
    if job.status is not JobStatus.UNKNOWN:
        raise Conflict("The job is in no doubt.", fix="Only a job with the status unknown can be resolved.")
    if (remote_id is not None) + not_submitted + give_up != 1:
        fix = "Give the provider's job id, or say that it was not submitted."
        raise Invalid([Problem("/remote_id", "ambiguous", "Exactly one answer is needed.", fix)])
    if remote_id is not None and store.is_taken(tx, job.spec.connection, remote_id):
        raise Invalid([Problem("/remote_id", "taken", "Another job here is that one there.", "Look it up again.")])
    resolved = _resolved(job, at=now, remote_id=remote_id, not_submitted=not_submitted)
    store.resolve(tx, resolved, due_at=scope.due_now())
    notices.job_ended(tx, resolved, at=now)
    event_store.add(tx, identifier, f"{scope.actor} resolved the unknown submit.", at=now, kind="request")
    after = get(scope, identifier)
    event_store.add(tx, identifier, after.status.value, at=now)
    scope.nudge()
    return after


def fields_of(spec: JobSpec) -> dict[str, Any]:
    """Return a spec as the fields that a form or REST would send."""
    choice = spec.validation
    validation = {name: getattr(choice, name) for name in choice.__dataclass_fields__}
    kept = {name: value for name, value in validation.items() if value is not None}
    return {name: getattr(spec, name) for name in specs.FIELDS} | {
        "validation": kept,
        "hyperparameters": dict(spec.hyperparameters),
        "options": dict(spec.options),
        "metadata": dict(spec.metadata),
    }


@verbs.reads("jobs")
def events(
    scope: Scope, job: AnyJob, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None, newest_first: bool = True
) -> Page[Event]:
    job = at_hand(scope, job)
    return event_store.page(scope.read, job.id, limit=limit, cursor=cursor, newest_first=newest_first)


@verbs.reads("jobs")
def events_after(scope: Scope, identifier: str, number: int, *, limit: int = 200) -> Sequence[Event]:
    """Return the journal's entries behind entry `number`."""
    return event_store.after(scope.read, identifier, number, limit=limit)


@verbs.reads("jobs")
def metrics(
    scope: Scope,
    job: AnyJob,
    *,
    names: Sequence[str] = (),
    points: int = 1000,
    since: int | None = None,
    small: Mapping[str, int] | None = None,
) -> Sequence[MetricSeries]:
    """Return a job's series, each thinned to at most `points` points that keep every peak.

    `small`: how many points are enough, for series of which fewer are.
    """
    job = at_hand(scope, job)
    if since is None:
        heads, found = metric_store.whole(scope.read, job.id, names=names)
        scope.keep("series", {job.id: heads})
    else:
        found = metric_store.columns(scope.read, job.id, names=names, since=since, known=_heads(scope, job.id))
    wanted = {each.name: (small or {}).get(each.name, points) for each in found}
    return [downsample(series, max(2, min(wanted[series.name], MAX_POINTS))) for series in found]


@verbs.reads("jobs")
def last_values(scope: Scope, identifier: str) -> dict[str, tuple[int, float | None]]:
    """Return each series' newest point as (step, value)."""
    return {each.name: (each.last_step, each.last_value) for each in _heads(scope, identifier)}


def _heads(scope: Scope, identifier: str) -> Sequence[metric_store.Head]:
    return scope.read_once(("series", identifier), lambda tx: metric_store.heads(tx, identifier))


@verbs.reads("jobs")
def sent_parameters(scope: Scope, job: AnyJob) -> Mapping[str, Hyperparameter]:
    """Return the parameters as the backend took them; empty until it told."""
    job = at_hand(scope, job)
    return scope.read_once(("sent", job.id), lambda tx: store.sent(tx, job.id)) or {}


@verbs.reads("jobs")
def first_batch(scope: Scope, job: AnyJob) -> Sequence[BatchRow]:
    """Return the first batch as the model sees it; empty until there is one, and where the backend shows none."""
    job = at_hand(scope, job)
    backend = scope.able(job.spec.connection, ShowsFirstBatch)
    if job.remote_id is None or backend is None:
        return ()
    with scope.provider_call():
        return backend.first_batch(RemoteJob(job.remote_id))


@verbs.reads("jobs")
def stages(scope: Scope, job: AnyJob) -> Sequence[Stage]:
    """Return the timeline of a job."""
    job = at_hand(scope, job)
    served = _served(scope, job.id, job.fine_tuned_model) if job.fine_tuned_model else []
    changes = event_store.of_kind(scope.read, job.id, "status")
    evaluated = scope.read_once(("evaluations", job.id), lambda tx: evaluation_store.of_job(tx, job.id))
    return timeline(job, changes, evaluated, served)


def _served(scope: Scope, job: str, model: str) -> Sequence[Deployment]:
    made = scope.read_once(("made", job), lambda tx: page_store.made(tx, job))
    if all(each.id != model for each in made.models):  # another job had made it before
        return deployment_store.of_model(scope.read, model)
    return [each for each in made.deployments if each.target.model == model]


@verbs.reads("jobs")
def live_version(scope: Scope, identifier: str) -> str:
    """Return a short text that changes whenever anything on the job's page does; cheap to ask for."""
    tx = scope.read
    version = or_not_found(store.version(tx, identifier), "job", identifier)
    evaluated = evaluation_store.of_job(tx, identifier)
    progress = ".".join(f"{each.status}{each.done_rows}" for each in evaluated)
    return f"{version[0]}.{version[1]}.{event_store.last_number(tx, identifier)}.{progress}"


def _resolved(job: FineTuningJob, *, at: datetime, remote_id: str | None, not_submitted: bool) -> FineTuningJob:
    """Return the job as a person's answer leaves it."""
    if remote_id is not None:
        return replace(job.advance(JobStatus.QUEUED, at=at), remote_id=remote_id)
    if not_submitted:
        return replace(job.advance(JobStatus.PENDING, at=at), submit_started_at=None)
    return job.advance(JobStatus.CANCELLED, at=at, message="Given up by a person.")
