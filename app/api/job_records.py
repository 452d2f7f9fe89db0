"""REST on what a job leaves behind: events, metrics, checkpoints, log, code, and the live stream of all that."""

from typing import Annotated

from fastapi import Header, Query
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from app.api.answers import lines, listing, page
from app.api.job_stream import JobStream
from app.api.routing import PathId, noun
from app.api.shapes.common import EventOut, list_of
from app.api.shapes.jobs import LogQuery, MetricsQuery
from app.domain.backend_abilities import BatchRow
from app.domain.metrics import Checkpoint, MetricSeries, Sample
from app.http.actor import actor_of
from app.http.broadcast import Broadcaster
from app.http.dependencies import OpenScope, may, may_open
from app.http.downloads import metrics_csv, text_attachment
from app.http.fields import Line, NumberedPaging
from app.http.streams import MEDIA_TYPE
from app.services import checkpoints, code, job_logs, jobs, retention
from app.services.scope import Scope

router = noun("jobs")
Accept = Annotated[str, Header()]
_CSV = "text/csv"
_TEXT = "text/plain"


@router.get("/{identifier}/events", response_model=list_of(EventOut))
def list_job_events(
    scope: Annotated[Scope, may(jobs.events)], identifier: PathId, paging: Annotated[NumberedPaging, Query()]
) -> Response:
    """The job's journal, newest first."""
    return page(EventOut, jobs.events(scope, identifier, limit=paging.limit, cursor=paging.cursor))


@router.get("/{identifier}/metrics", response_model=list_of(MetricSeries), responses={200: {"content": {_CSV: {}}}})
def get_job_metrics(
    scope: Annotated[Scope, may(jobs.metrics)],
    identifier: PathId,
    wanted: Annotated[MetricsQuery, Query()],
    accept: Accept = "",
) -> Response:
    """The training's series, thinned to `points`; as a table where `text/csv` is asked for."""
    series = jobs.metrics(scope, identifier, names=wanted.name, points=wanted.points, since=wanted.since)
    if _CSV in accept:
        return text_attachment(metrics_csv(series), f"{identifier}.csv", _CSV)
    return listing(MetricSeries, series)


@router.get("/{identifier}/checkpoints", response_model=list_of(Checkpoint))
def list_checkpoints(scope: Annotated[Scope, may(checkpoints.of_job)], identifier: PathId) -> Response:
    """The saved states, the best one marked."""
    return listing(Checkpoint, checkpoints.of_job(scope, identifier))


@router.delete("/{identifier}/checkpoints", response_model=list_of(Checkpoint))
def discard_checkpoints(scope: Annotated[Scope, may(retention.discard)], identifier: PathId) -> Response:
    """Remove a finished job's checkpoints; models that were made of them stay."""
    retention.discard(scope, identifier)
    return listing(Checkpoint, checkpoints.of_job(scope, identifier))


@router.get("/{identifier}/samples", response_model=list_of(Sample))
def list_samples(scope: Annotated[Scope, may(jobs.samples)], identifier: PathId) -> Response:
    """What the model in training answered to the same few held-out prompts each time it was measured."""
    return listing(Sample, jobs.samples(scope, identifier))


@router.get("/{identifier}/first-batch", response_model=list_of(BatchRow))
def get_first_batch(scope: Annotated[Scope, may(jobs.first_batch)], identifier: PathId) -> Response:
    """The first batch as the model sees it, and which tokens receive loss; empty as long as there is none."""
    return listing(BatchRow, jobs.first_batch(scope, identifier))


@router.get("/{identifier}/log", response_model=list_of(str), responses={200: {"content": {_TEXT: {}}}})
def get_job_log(
    scope: Annotated[Scope, may(job_logs.log_path)],
    identifier: PathId,
    wanted: Annotated[LogQuery, Query()],
    accept: Accept = "",
) -> Response:
    """The end of the training's raw log; the whole of it where `text/plain` is asked for."""
    if _TEXT in accept:
        path = job_logs.log_path(scope, identifier)
        return PlainTextResponse("") if path is None else FileResponse(path, media_type=_TEXT)
    return lines(job_logs.log(scope, identifier, lines=wanted.lines))


@router.get("/{identifier}/code", response_class=PlainTextResponse)
def get_job_code(
    request: Request, scope: Annotated[Scope, may(code.of_job)], identifier: PathId, target: Line = "curl"
) -> Response:
    """The job as code that runs when pasted."""
    base_url = str(request.base_url).rstrip("/")
    return PlainTextResponse(code.of_job(scope, identifier, target, base_url=base_url))


@router.get("/{identifier}/stream", response_class=StreamingResponse, responses={200: {"content": {MEDIA_TYPE: {}}}})
def stream_job(
    request: Request,
    identifier: PathId,
    open_scope: Annotated[OpenScope, may_open(jobs.get)],
    last_event_id: Annotated[str | None, Header(description="The id of the last message that arrived.")] = None,
) -> Response:
    """The job as server-sent events: `job`, `metric`, `log`, and `end`; goes on behind `Last-Event-ID`."""
    with open_scope() as scope:
        jobs.get(scope, identifier)  # a job that does not exist is told before the stream begins
    broadcaster: Broadcaster = request.app.state.broadcaster
    key = ("json", identifier, actor_of(request).sees)
    return broadcaster.response(key, open_scope, lambda last: JobStream(identifier, open_scope, last), last_event_id)
