"""Verbs on fine-tuning jobs as OpenAI's clients ask for them: by a model's name, and in their words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.data.curves_csv import openai_csv
from app.domain.backend_abilities import ContinuesTuned, Pauses
from app.domain.catalog import CatalogModel
from app.domain.connections import Connection
from app.domain.errors import Conflict, Forbidden, Invalid, Problem, or_not_found
from app.domain.hyperparameters import AUTO, Hyperparameter, HyperparameterSpec
from app.domain.jobs import FineTuningJob, JobStatus, ValidationKind
from app.domain.openai_names import slug
from app.domain.openai_requests import JobRequest, KeptRequest
from app.domain.spending import agreeing_to, most_of_job
from app.kit.paging import Page
from app.services import (
    catalog,
    checkpoints,
    connections,
    datasets,
    estimates,
    jobs,
    openai_models,
    pausing,
    preflights,
    projects,
    specs,
    verbs,
)
from app.services.openai_models import NamedModel
from app.services.scope import Scope
from app.store import events as event_store
from app.store import jobs as store
from app.store import openai_requests as request_store
from app.store.job_filter import Filter

_MULTIPLIER, _RATE = "learning_rate_multiplier", "learning_rate"
_LONGEST_NAME = 64
# Where a problem with one of our fields stands in what was asked for.
_POINTERS = {
    "/training_dataset": "/training_file",
    "/validation/dataset": "/validation_file",
    "/base_model": "/model",
    "/name": "/suffix",
    "/method": "/method/type",
    f"/hyperparameters/{_RATE}": f"/hyperparameters/{_MULTIPLIER}",
}
_ORDER = {False: "-created_at", True: "created_at"}


@verbs.reads("connections")
def spends(scope: Scope, connection: Connection) -> bool:
    """Tell whether programs may begin what takes time or money at a connection through `/v1`."""
    if connection.openai_spending is not None:
        return connection.openai_spending
    return not scope.backends.profiles[connection.backend].bills


@verbs.reads("connections")
def check_spending(scope: Scope, connection: Connection) -> None:
    """Return if programs may.

    Raises:
        Forbidden: otherwise, with the page where it can be allowed.
    """
    if not spends(scope, connection):
        raise Forbidden(
            f"Nothing may be begun at the connection {connection.name!r} through /v1, where nobody reviews its cost.",
            fix="Allow it on /settings/openai, or submit the job on its pages.",
        )


@verbs.spends("jobs", verbs.NAMED)
def create(scope: Scope, asked: JobRequest, project: str) -> FineTuningJob:
    """Record a job; the engine submits it. Its files may still be being checked.

    Allowing programs to spend at a connection is the agreement to what it costs.

    Raises:
        NotFound, Invalid: the model's name means nothing, or the job cannot be as it is asked for.
        Forbidden: programs may not spend there.
    """
    meant = openai_models.named(scope, asked.model)
    check_spending(scope, meant.connection)
    base = _base(scope, meant)
    try:
        job = _recorded(scope, _fields(scope, asked, meant, base, project))
    except Invalid as error:
        raise Invalid([_as_asked(each) for each in error.problems]) from error
    kept = KeptRequest(model=asked.model, suffix=asked.suffix, hyperparameters=asked.hyperparameters)
    request_store.add(scope.write, job.id, kept)
    used = f"{asked.model} was asked for: {base.id} is trained at {meant.connection.name}."
    event_store.add(scope.write, job.id, used, at=scope.now(), kind="note")
    return job


def _recorded(scope: Scope, fields: Mapping[str, object]) -> FineTuningJob:
    checked = specs.check(scope, fields, waits=True)
    if checked.spec is None:
        raise Invalid(checked.problems)
    preflights.refuse_blocked(scope, checked)
    bill = estimates.bill(scope, checked)
    accepted = agreeing_to(bill, most_of_job(bill))
    jobs.prepare(scope, checked.spec, bill, accepted=accepted)
    return jobs.record(scope, checked.spec, bill, accepted=accepted)


def _base(scope: Scope, meant: NamedModel) -> CatalogModel:
    """Return the base model to train from.

    Raises:
        Invalid: it is a tuned model, and its backend trains none further; or there is no such model any more.
        Conflict: the same of a checkpoint.
    """
    identifier = meant.base_model
    if meant.checkpoint is not None:
        identifier = checkpoints.as_base(scope, *meant.checkpoint)
    if meant.tuned is not None:
        backend = scope.backends.of(meant.connection)
        if not isinstance(backend, ContinuesTuned):
            raise Invalid([Problem("/model", "unsupported", backend.profile.why_not(ContinuesTuned), "Name a base.")])
        identifier = backend.as_base(meant.tuned.remote_id)
    return catalog.model(scope, meant.connection.id, identifier, pointer="/model")


def _fields(
    scope: Scope, asked: JobRequest, meant: NamedModel, base: CatalogModel, project: str
) -> Mapping[str, object]:
    validation: Mapping[str, object] = {"kind": ValidationKind.NONE}
    if asked.validation_file is not None:
        chosen = datasets.get(scope, asked.validation_file)
        validation = {"kind": ValidationKind.DATASET, "dataset": chosen.id}
    training = datasets.get(scope, asked.training_file)
    return {
        "project": project,
        "connection": meant.connection.id,
        "base_model": base.id,
        "name": slug(asked.suffix or training.filename.partition(".")[0], "tuned", _LONGEST_NAME),
        "method": asked.method.value,
        "training_dataset": training.id,
        "validation": validation,
        "hyperparameters": {**asked.more, **_hyperparameters(asked, base)},
        "options": dict(asked.options),
        "seed": asked.seed,
        "metadata": asked.metadata,
    }


def _hyperparameters(asked: JobRequest, base: CatalogModel) -> dict[str, Hyperparameter]:
    """Return OpenAI's hyperparameters by our names, "auto" left out.

    Raises:
        Invalid: a multiplier of a learning rate that nobody knows, or one that leads out of its bounds.
    """
    chosen = {name: value for name, value in asked.hyperparameters.items() if value != AUTO}
    known = {spec.name: spec for spec in base.hyperparameters if not spec.option}
    multiplier = chosen.get(_MULTIPLIER)
    if multiplier is None or _MULTIPLIER in known:
        return chosen
    del chosen[_MULTIPLIER]
    rate = known.get(_RATE)
    usual = None if rate is None else _usual(rate, asked.method.value)
    if rate is None or usual is None or set(asked.options) & {"adapter"}:
        message = "There is no learning rate here that it could multiply."
        fix = (
            "Leave it out, or send the rate itself: extra_body={'tunedesk': {'hyperparameters': {'learning_rate': …}}}."
        )
        raise Invalid([Problem(f"/hyperparameters/{_MULTIPLIER}", "unsupported", message, fix)])
    if multiplier == 1 and rate.auto:
        return chosen
    value = usual * float(multiplier)
    low, high = rate.minimum or 0.0, rate.maximum
    if value <= low or (high is not None and value > high):
        message = f"{multiplier:g} times the usual learning rate {usual:g} is {value:g}, which is out of range."
        raise Invalid(
            [Problem(f"/hyperparameters/{_MULTIPLIER}", "range", message, f"Stay above {low:g} up to {high:g}.")]
        )
    return {**chosen, _RATE: value}


def _usual(rate: HyperparameterSpec, method: str) -> float | None:
    if isinstance(rate.default, int | float):
        return float(rate.default)
    return rate.auto_values.get(method)


def _as_asked(problem: Problem) -> Problem:
    pointer = _POINTERS.get(problem.pointer, problem.pointer)
    return replace(problem, pointer=f"/tunedesk{pointer}" if pointer.startswith("/options") else pointer)


@verbs.reads("jobs")
def find(scope: Scope, identifier: str) -> FineTuningJob | None:
    """Return a job, or None."""
    return store.get(scope.read, identifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Jobs with what their answers need besides: as what they were asked for, and how their projects are called."""

    jobs: Sequence[FineTuningJob]
    asked: Mapping[str, KeptRequest] = field(default_factory=dict)
    projects: Mapping[str, str] = field(default_factory=dict)
    has_more: bool = False


@verbs.reads("jobs")
def seen(scope: Scope, *found: FineTuningJob) -> Seen:
    """Return jobs with what their answers need besides."""
    asked = request_store.many(scope.read, [each.id for each in found])
    return Seen(jobs=found, asked=asked, projects=projects.names(scope))


@verbs.reads("jobs")
def page(scope: Scope, *, after: str | None, limit: int, metadata: Mapping[str, str] | None = None) -> Seen:
    """Return one page of all jobs, the newest first, from behind the job `after` on.

    `metadata`: of those alone that have all these pairs; without any pair, of those that have none.

    Raises:
        NotFound: there is no such job as `after`.
    """
    found = _page(scope, after=after, limit=limit, ascending=False, metadata=metadata)
    return replace(seen(scope, *found.items), has_more=found.next is not None)


@verbs.reads("jobs")
def with_results(scope: Scope, *, after: str | None, limit: int, ascending: bool) -> Page[FineTuningJob]:
    """Return one page of the jobs that succeeded, by when they were made."""
    return _page(scope, after=after, limit=limit, ascending=ascending, statuses=[JobStatus.SUCCEEDED])


def _page(scope: Scope, *, after: str | None, limit: int, ascending: bool, **wanted: Any) -> Page[FineTuningJob]:  # noqa: ANN401
    cursor = None
    if after is not None:
        cursor = or_not_found(store.cursor_at(scope.read, after), "job", after)
    return store.page(scope.read, Filter(**wanted), sort=_ORDER[ascending], limit=limit, cursor=cursor)


@verbs.writes("jobs")
def cancel(scope: Scope, identifier: str) -> FineTuningJob:
    """Ask for a job's end; asking again is fine while it is under way.

    Raises:
        Conflict: it has ended.
    """
    job = jobs.get(scope, identifier)
    if job.status.is_final:
        raise Conflict(f"The job has already {job.status}.", fix="There is nothing left to cancel.")
    return jobs.cancel(scope, identifier)


@verbs.writes("jobs")
def pause(scope: Scope, identifier: str) -> FineTuningJob:
    """Ask a training to stand still; asking again is fine.

    Raises:
        Invalid: its backend cannot.
        Conflict: it is at no point where it could.
    """
    _check_pauses(scope, identifier)
    return pausing.pause(scope, identifier)


@verbs.spends("jobs")
def resume(scope: Scope, identifier: str) -> FineTuningJob:
    """Ask a paused training to go on; asking again is fine.

    Raises:
        Forbidden: programs may not spend there.
        Invalid, Conflict: as `pause`.
    """
    check_spending(scope, connections.get(scope, jobs.get(scope, identifier).connection))
    _check_pauses(scope, identifier)
    return pausing.resume(scope, identifier)


def _check_pauses(scope: Scope, identifier: str) -> None:
    backend = scope.backend(jobs.get(scope, identifier).connection)
    if not isinstance(backend, Pauses):
        fix = "Let it train, or cancel it."
        raise Invalid([Problem("", "not_supported_by_backend", backend.profile.why_not(Pauses), fix)])


def has_result(job: FineTuningJob) -> bool:
    """Whether a job has a model, and with it a file of its curves."""
    return job.status is JobStatus.SUCCEEDED and job.fine_tuned_model is not None


@verbs.reads("jobs")
def result_csv(scope: Scope, job: FineTuningJob) -> str:
    """Return a job's curves as OpenAI's result file has them: one row a step, empty where nothing was measured."""
    return openai_csv(jobs.metrics(scope, job, points=jobs.MAX_POINTS))
