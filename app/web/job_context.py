"""What the job page's templates are given, the same for the page and for its live fragments."""

from typing import Any

from app.domain.backend_abilities import ContinuesTuned, DiscardsCheckpoints, OffersCheckpoints
from app.domain.jobs import FineTuningJob
from app.domain.metrics import FURTHER, LOSSES
from app.domain.models import ModelStatus
from app.services import (
    capsules,
    catalog,
    checkpoints,
    code,
    connections,
    datasets,
    evaluations,
    job_logs,
    job_lookup,
    job_models,
    jobs,
    models,
    pausing,
    people,
    projects,
    queue,
)
from app.services.evaluations import PairFilter
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scope
from app.web.presses import fresh_key
from app.web.views import evaluations as evaluation_view
from app.web.views import jobs as view
from app.web.views.wizard import options

_POINTS = 600
_SPARK_POINTS = 80
_EVENTS = 100
_LOG_LINES = 400
_SHOWN_ROWS = 3


def job_context(
    scope: Scope, identifier: str, tab: str, *, base_url: str, target: str | None = None, only: PairFilter | None = None
) -> dict[str, Any]:
    """Return what one tab of a job's page shows.

    Raises:
        ProviderFailed, StorageFull: when the tab asks a backend that fails.
    """
    job = job_lookup.with_what_it_names(scope, identifier)
    around = _around(scope, job, tab)
    if tab == "evaluation":
        return around | _evaluation(scope, job, around["evaluated"], only)
    return around | _of_tab(scope, job, tab, base_url=base_url, target=target)


def page_context(
    scope: Scope, identifier: str, tab: str, *, base_url: str, target: str | None = None, only: PairFilter | None = None
) -> dict[str, Any]:
    """Return the same for a page that opens: where a tab's backend fails, the page stands, and says so in its place."""
    try:
        return job_context(scope, identifier, tab, base_url=base_url, target=target, only=only)
    except PROVIDER_ERRORS as failure:
        return {**_around(scope, jobs.get(scope, identifier), tab), "failure": failure}


def _around(scope: Scope, job: FineTuningJob, tab: str) -> dict[str, Any]:
    identifier, now = job.id, scope.now()
    connection = connections.get(scope, job.spec.connection)
    backend = scope.backends.of(connection)
    evaluated = evaluations.for_job(scope, job)
    everything = [each for each in (evaluated.tuned, evaluated.base, *evaluated.others) if each is not None]
    wanted, small = (
        (LOSSES, None) if tab != "overview" else ((*LOSSES, *FURTHER), dict.fromkeys(FURTHER, _SPARK_POINTS))
    )
    read = jobs.metrics(scope, job, names=wanted, points=_POINTS, small=small)
    series = [each for each in read if each.name in LOSSES]
    saved = checkpoints.of_job(scope, job)
    made = models.of_job(scope, identifier)
    return {
        "job": job,
        "base_name": catalog.BaseNames(scope, [connection]),
        "project": projects.get(scope, job.spec.project),
        "connection": connection,
        "tab": tab,
        "tabs": view.tabs(job, tab),
        "stages": view.stages(job, jobs.stages(scope, job), now),
        "stats": view.stats(job, jobs.last_values(scope, identifier), series, now),
        "loss": view.loss_view(job, series, saved),
        "further": view.further([each for each in read if each.name not in LOSSES]),
        "checkpoints": saved,
        "models": made,
        "evaluated": evaluated,
        "headline": evaluation_view.headline(evaluated),
        "settled": view.settled(job, everything, now),
        "can_deploy": any(each.id == job.fine_tuned_model and each.status is ModelStatus.PRESENT for each in made),
        "lacks_model": job_models.lacks_model(scope, job),
        "can_stop": jobs.stops_early(scope, job),
        "can_pause": pausing.can_pause(scope, job),
        "can_resume": pausing.can_resume(scope, job),
        "offers_checkpoints": isinstance(backend, OffersCheckpoints),
        "can_continue": isinstance(backend, ContinuesTuned),
        "can_discard": job.status.is_final
        and any(each.present for each in saved)
        and isinstance(backend, DiscardsCheckpoints),
        "saves": bool(saved) or isinstance(backend, OffersCheckpoints),
        "cancelling": view.cancelling(job, backend.profile),
        "queue_position": queue.position(scope, job),
        "key": fresh_key(),
        "profile": backend.profile,
    }


def _of_tab(
    scope: Scope,
    job: FineTuningJob,
    tab: str,
    *,
    base_url: str,
    target: str | None,
) -> dict[str, Any]:
    match tab:
        case "events" | "log" | "data" | "parameters":
            return _RECORDS[tab](scope, job)
        case "overview":
            return {
                "sampled": view.sampled(jobs.samples(scope, job)),
            }
        case "code":
            files = (
                job.datasets.training,
                job.datasets.validation,
                job.spec.training_dataset,
                job.spec.validation.dataset,
            )
            datasets.many(scope, sorted({each for each in files if each}))
            known = code.targets(scope, job.spec)
            if not known:
                return {"targets": known}
            shown = target if target is not None and target in known else next(iter(known))
            return {"targets": known, "target": shown, "code": code.of_job(scope, job, shown, base_url=base_url)}
        case _:
            return {}


def _evaluation(
    scope: Scope, job: FineTuningJob, evaluated: evaluations.JobEvaluations, only: PairFilter | None
) -> dict[str, Any]:
    return evaluation_context(scope, evaluated, only) | {
        "dataset_options": options(datasets.ready(scope, limit=100)),
        "test": job.datasets.test,
    }


def _events(scope: Scope, job: FineTuningJob) -> dict[str, Any]:
    listed = jobs.events(scope, job, limit=_EVENTS).items
    return {"events": listed, "actors": people.names(scope, [each.actor for each in listed])}


def _log(scope: Scope, job: FineTuningJob) -> dict[str, Any]:
    return {"log": job_logs.log(scope, job, lines=_LOG_LINES)}


def _parameters(scope: Scope, job: FineTuningJob) -> dict[str, Any]:
    return {
        "asked": jobs.fields_of(job.spec),
        "sent": jobs.sent_parameters(scope, job),
        "reproduction": capsules.reproduction(scope, job),
    }


def _data(scope: Scope, job: FineTuningJob) -> dict[str, Any]:
    parts = job.datasets
    ids = {"training": parts.training, "validation": parts.validation, "test": parts.test}
    wanted = {job.spec.training_dataset, *(each for each in ids.values() if each)}
    known = datasets.many(scope, sorted(wanted))
    shown = {kind: known.get(identifier or "") for kind, identifier in ids.items()}
    training = shown["training"]
    return {
        "parts": shown,
        "rows": datasets.rows(scope, training.id, limit=_SHOWN_ROWS) if training else (),
        "batch": jobs.first_batch(scope, job),
        "source": known.get(job.spec.training_dataset) or datasets.get(scope, job.spec.training_dataset),
    }


_RECORDS = {"events": _events, "log": _log, "data": _data, "parameters": _parameters}


def evaluation_context(scope: Scope, evaluated: evaluations.JobEvaluations, only: PairFilter | None) -> dict[str, Any]:
    """Return base and tuned side by side: the figures, and the rows that a filter lets through."""
    both = evaluated.base and evaluated.tuned and evaluated.base.status.is_final and evaluated.tuned.status.is_final
    both = both and not evaluated.not_comparable
    wanted = only or PairFilter.ALL
    pairs = (
        evaluations.compare(scope, evaluated.base, evaluated.tuned, only=wanted)
        if both and evaluated.base and evaluated.tuned
        else ()
    )
    return {
        "figures": evaluation_view.figures(evaluated.base, evaluated.tuned, evaluated.paired),
        "endings": evaluation_view.endings(evaluated.base, evaluated.tuned),
        "pairs": [evaluation_view.pair(each) for each in pairs[: evaluation_view.SHOWN]],
        "left_out": max(0, len(pairs) - evaluation_view.SHOWN),
        "only": wanted,
        "filters": evaluation_view.filters(wanted),
    }
