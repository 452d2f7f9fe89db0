"""The list of jobs, the page of one job, and what can be done with it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from app.domain.jobs import JobStatus
from app.domain.spending import CostNotAccepted
from app.http.actor import actor_of
from app.http.broadcast import Broadcaster
from app.http.dependencies import OpenScope, may, may_open
from app.http.downloads import attachment, metrics_csv, series_json, text_attachment
from app.http.fields import Id
from app.http.idempotency import once
from app.services import (
    catalog,
    checkpoints,
    connections,
    drafts,
    job_logs,
    job_models,
    jobs,
    pausing,
    queue,
    retention,
)
from app.services.evaluations import PairFilter
from app.services.scope import Scope
from app.web import spending
from app.web.job_context import page_context
from app.web.layout import chosen_project, read_ahead
from app.web.live import JobPageStream
from app.web.presses import fresh_key, pressed
from app.web.rendering import Fields, list_page, page, see_other, templates
from app.web.views import costs, job_list
from app.web.views import jobs as view

router = APIRouter(include_in_schema=False)
Tab = Annotated[str, Query(max_length=20)]
Cursor = Annotated[str | None, Query(max_length=400)]
Step = Annotated[int, Path(ge=0, le=2**53)]
Statuses = Annotated[list[JobStatus] | None, Query()]
_PAGE = 50
_KEPT_ROWS = 500  # a row comes back while it looks the same, in lists that many have open


@router.get("/jobs")
async def index(
    request: Request,
    scope: Annotated[Scope, may(jobs.summaries)],
    status: Statuses = None,
    q: Annotated[str, Query(max_length=200)] = "",
    sort: Annotated[str, Query(max_length=40)] = "-created_at",
    cursor: Cursor = None,
) -> Response:
    """Jobs, filtered, searched and sorted."""
    return await list_page(
        request,
        scope,
        "jobs/index.html",
        lambda: _list_context(request, scope, tuple(status or ()), q, sort, cursor),
        part="jobs/_list.html",
    )


def _list_context(
    request: Request, scope: Scope, statuses: tuple[JobStatus, ...], q: str, sort: str, cursor: str | None
) -> Mapping[str, object]:
    chosen = chosen_project(request, scope)
    project, query = chosen.id if chosen else None, q or None
    found = jobs.summaries(
        scope, statuses=statuses, project=project, query=query, sort=sort, limit=_PAGE, cursor=cursor
    )
    known = connections.list_connections(scope)
    names = {each.id: each.name for each in known}
    counts = jobs.counts(scope, project=project, query=query)
    return {
        "rows": job_list.shown(found.items, names, catalog.BaseNames(scope, known), scope.now()),
        "written": _written,
        "lines": _lines(scope, names) if not (cursor or q) and counts.get(JobStatus.PENDING, 0) > 1 else [],
        "chips": view.filters(counts, statuses, q),
        "query": q,
        "sort": sort,
        "older": request.url.include_query_params(cursor=found.next).query if found.next else None,
        "newest": cursor is not None,
        "moving": any(not job.status.is_final for job in found.items),
        "status": statuses[0].value if statuses else "",
    }


@lru_cache(maxsize=_KEPT_ROWS)
def _written(shown: job_list.ShownJob) -> Markup:
    """Return a row as it stands in a list, written once for all lists that it stands in."""
    return templates().part("jobs/_row.html", {"row": job_list.row(shown)})


def _lines(scope: Scope, names: Mapping[str, str]) -> list[view.Line]:
    """Return the line of each connection where more than one job waits."""
    return [view.Line(connection=names.get(at, at), jobs=waiting) for at, waiting in queue.lines(scope).items()]


@router.get("/jobs/{identifier}")
def show(
    request: Request,
    scope: Annotated[Scope, may(jobs.get)],
    identifier: Id,
    tab: Tab = "overview",
    target: Annotated[str | None, Query(max_length=40)] = None,
    only: PairFilter | None = None,
) -> Response:
    """One job: where it stands, what it learned, and whether that was any good."""
    shown = tab if tab in view.TABS else "overview"
    base_url = str(request.base_url).rstrip("/")
    read_ahead(request, scope)
    context = page_context(scope, identifier, shown, base_url=base_url, target=target, only=only)
    return page(request, scope, "jobs/show.html", context)


@router.get("/jobs/{identifier}/live")
def live(
    request: Request,
    open_scope: Annotated[OpenScope, may_open(jobs.get)],
    identifier: Id,
    tab: Tab = "overview",
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> Response:
    """The page's own stream: HTML for its parts, points for its chart, `done` once nothing more will change."""
    with open_scope() as scope:
        jobs.get(scope, identifier)
    shown = tab if tab in view.TABS else "overview"
    broadcaster: Broadcaster = request.app.state.broadcaster
    return broadcaster.response(
        ("page", identifier, shown, str(request.base_url), actor_of(request).sees),
        open_scope,
        lambda last: JobPageStream(request, templates(), identifier, shown, last),
        last_event_id,
    )


@router.get("/jobs/{identifier}/metrics.json")
def metrics_json(
    scope: Annotated[Scope, may(jobs.metrics)], identifier: Id, points: Annotated[int, Query(ge=2, le=5000)] = 2000
) -> Response:
    """The training's series as columns."""
    series = jobs.metrics(scope, identifier, points=points)
    return series_json(series)


@router.get("/jobs/{identifier}/metrics.csv")
def metrics_table(scope: Annotated[Scope, may(jobs.metrics)], identifier: Id) -> Response:
    """The training's series as a table."""
    return text_attachment(
        metrics_csv(jobs.metrics(scope, identifier, points=jobs.MAX_POINTS)), f"{identifier}.csv", "text/csv"
    )


@router.get("/jobs/{identifier}/log.txt")
def whole_log(scope: Annotated[Scope, may(job_logs.log_path)], identifier: Id) -> Response:
    """The whole raw log."""
    path = job_logs.log_path(scope, identifier)
    if path is None or not path.is_file():
        return text_attachment("", f"{identifier}.log", "text/plain")
    return attachment(path, f"{identifier}.log", "text/plain")


@router.get("/jobs/{identifier}/cancel")
def ask_to_cancel(request: Request, scope: Annotated[Scope, may(jobs.get)], identifier: Id) -> Response:
    """The question behind Cancel, for browsers without scripts."""
    job = jobs.get(scope, identifier)
    question = view.cancelling(job, scope.backend(job.spec.connection).profile)
    return page(request, scope, "confirm.html", {"question": question})


@router.post("/jobs/{identifier}/cancel")
def cancel(scope: Annotated[Scope, may(jobs.cancel)], identifier: Id) -> Response:
    """Ask for the job's end."""
    jobs.cancel(scope, identifier)
    return see_other(f"/jobs/{identifier}", "cancel_asked")


@router.get("/jobs/{identifier}/stop")
def ask_to_stop(request: Request, scope: Annotated[Scope, may(jobs.get)], identifier: Id) -> Response:
    """The question behind Stop and save, for browsers without scripts."""
    return page(request, scope, "confirm.html", {"question": view.stopping(jobs.get(scope, identifier))})


@router.post("/jobs/{identifier}/stop")
def stop(scope: Annotated[Scope, may(jobs.stop)], identifier: Id) -> Response:
    """Ask for the training's end now, with what it has learned as the model."""
    jobs.stop(scope, identifier)
    return see_other(f"/jobs/{identifier}", "stop_asked")


@router.post("/jobs/{identifier}/pause")
def pause(scope: Annotated[Scope, may(pausing.pause)], identifier: Id) -> Response:
    """Ask the training to stand still."""
    pausing.pause(scope, identifier)
    return see_other(f"/jobs/{identifier}", "pause_asked")


@router.post("/jobs/{identifier}/resume")
def resume(scope: Annotated[Scope, may(pausing.resume)], identifier: Id) -> Response:
    """Ask a paused training to go on."""
    pausing.resume(scope, identifier)
    return see_other(f"/jobs/{identifier}", "resume_asked")


@router.post("/jobs/{identifier}/move")
def move(scope: Annotated[Scope, may(queue.move)], identifier: Id, form: Fields) -> Response:
    """Give a waiting job another place in the line; a word that is none leaves it where it is."""
    wanted = next((each for each in queue.Move if each.value == form.get("to")), None)
    if wanted is not None:
        queue.move(scope, identifier, wanted)
    return see_other("/jobs" if form.get("back") == "list" else f"/jobs/{identifier}", "moved")


@router.get("/jobs/{identifier}/retry")
def ask_to_retry(request: Request, scope: Annotated[Scope, may(jobs.bill_of_retry)], identifier: Id) -> Response:
    """What it costs to submit the same again, where that is billed."""
    return spending.ask_again(request, scope, identifier, "retry", fresh_key())


@router.post("/jobs/{identifier}/retry")
def retry(request: Request, scope: Annotated[Scope, may(jobs.retry)], identifier: Id, form: Fields) -> Response:
    """Submit the same again, once per key; ask first where it is billed and nobody has agreed to that."""
    grant = once("POST /jobs/{id}/retry", form.get("idempotency_key"), identifier.encode())
    accepted = costs.accepted(form)
    try:
        return grant(
            scope, lambda: see_other(f"/jobs/{jobs.retry(scope, identifier, accepted=accepted).id}", "retried")
        )
    except CostNotAccepted as error:
        return spending.ask_again(request, scope, identifier, "retry", form["idempotency_key"], error)


@router.post("/jobs/{identifier}/clone")
def clone(request: Request, scope: Annotated[Scope, may(drafts.of_job)], identifier: Id, form: Fields) -> Response:
    """Begin a draft with this job's answers."""
    return pressed(
        scope, request.url.path, form, lambda: see_other(f"/wizard/{drafts.of_job(scope, identifier).id}/review")
    )


@router.post("/jobs/{identifier}/resolve")
def resolve(scope: Annotated[Scope, may(jobs.resolve)], identifier: Id, form: Fields) -> Response:
    """Settle a submit whose outcome nobody knows."""
    answer = form.get("answer", "")
    jobs.resolve(
        scope,
        identifier,
        remote_id=form.get("remote_id", "").strip() or None if answer == "remote" else None,
        not_submitted=answer == "not_submitted",
        give_up=answer == "give_up",
    )
    return see_other(f"/jobs/{identifier}", "resolved")


@router.get("/jobs/{identifier}/model")
def which_model(request: Request, scope: Annotated[Scope, may(job_models.candidates)], identifier: Id) -> Response:
    """Which model did it make? Those that it may be, asked of the provider now."""
    found = job_models.candidates(scope, identifier)
    return page(request, scope, "jobs/model.html", {"job": jobs.get(scope, identifier), "found": found})


@router.post("/jobs/{identifier}/model")
def choose_model(scope: Annotated[Scope, may(job_models.choose)], identifier: Id, form: Fields) -> Response:
    """Take one of them for its model."""
    chosen = job_models.choose(scope, identifier, form.get("model", ""))
    return see_other(f"/jobs/{chosen.id}", "model_chosen")


@router.post("/jobs/{identifier}/checkpoints/{step}/model")
def model_from_checkpoint(scope: Annotated[Scope, may(checkpoints.make_model)], identifier: Id, step: Step) -> Response:
    """Save a checkpoint as a model of its own."""
    return see_other(f"/models/{checkpoints.make_model(scope, identifier, step).id}", "model_made")


@router.get("/jobs/{identifier}/checkpoints/discard")
def ask_to_discard(request: Request, scope: Annotated[Scope, may(jobs.get)], identifier: Id) -> Response:
    """The question behind Remove all, for browsers without scripts."""
    return page(request, scope, "confirm.html", {"question": view.discarding(jobs.get(scope, identifier))})


@router.post("/jobs/{identifier}/checkpoints/discard")
def discard_checkpoints(scope: Annotated[Scope, may(retention.discard)], identifier: Id) -> Response:
    """Remove the checkpoints of a finished job."""
    retention.discard(scope, identifier)
    return see_other(f"/jobs/{identifier}", "checkpoints_gone")


@router.post("/jobs/{identifier}/checkpoints/{step}/continue")
def continue_from_checkpoint(
    request: Request, scope: Annotated[Scope, may(drafts.of_checkpoint)], identifier: Id, step: Step, form: Fields
) -> Response:
    """Begin a draft that trains a checkpoint further."""

    def begin() -> Response:
        return see_other(f"/wizard/{drafts.of_checkpoint(scope, identifier, step).id}/review", "continuing_step")

    return pressed(scope, request.url.path, form, begin)
