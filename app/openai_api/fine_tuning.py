"""Fine-tuning jobs below `/v1`: make, look, steer."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from app.domain.jobs import FineTuningJob
from app.http.dependencies import OpenScope, may_open_with_key, may_with_key
from app.http.own_threads import AwaitedResponse
from app.http.retries import InFlight, RepeatableDep
from app.openai_api.job_shapes import JobIn, job_bodies, job_id
from app.openai_api.queries import jobs_query
from app.openai_api.routing import Identifier, ProjectHeader, answer, listing, wire
from app.services import jobs, openai_files, openai_jobs
from app.services.scope import Scope

router = wire()
_IN_FLIGHT = InFlight()


@router.post("/fine_tuning/jobs")
def create_job(
    open_scope: Annotated[OpenScope, may_open_with_key(openai_jobs.create)],
    body: JobIn,
    repeatable: RepeatableDep,
    openai_project: ProjectHeader = "",
) -> Response:
    """Record a job; the engine submits it. What a client repeats by itself begins nothing twice."""
    asked = body.request()

    def make() -> Response:
        with _IN_FLIGHT.alone(repeatable.key):
            with open_scope() as scope:
                project = openai_files.project(scope, openai_project).id
            with open_scope() as scope:
                return repeatable(scope, lambda: _answer(scope, openai_jobs.create(scope, asked, project)))

    return AwaitedResponse(make)


@router.get("/fine_tuning/jobs")
def list_jobs(request: Request, scope: Annotated[Scope, may_with_key(openai_jobs.page)]) -> Response:
    """All jobs, those of pages and of REST among them, the newest first."""
    wanted = jobs_query(request)
    after = wanted.after and job_id(wanted.after)
    found = openai_jobs.page(scope, after=after, limit=wanted.limit, metadata=wanted.metadata)
    return listing(job_bodies(found), has_more=found.has_more)


@router.get("/fine_tuning/jobs/{identifier}")
def get_job(scope: Annotated[Scope, may_with_key(jobs.get)], identifier: Identifier) -> Response:
    """One job."""
    return _answer(scope, jobs.get(scope, job_id(identifier)))


@router.post("/fine_tuning/jobs/{identifier}/cancel")
def cancel_job(scope: Annotated[Scope, may_with_key(openai_jobs.cancel)], identifier: Identifier) -> Response:
    """Ask for a job's end; it may still be running when this is answered."""
    return _answer(scope, openai_jobs.cancel(scope, job_id(identifier)))


@router.post("/fine_tuning/jobs/{identifier}/pause")
def pause_job(scope: Annotated[Scope, may_with_key(openai_jobs.pause)], identifier: Identifier) -> Response:
    """Ask a training to stand still, where its backend can."""
    return _answer(scope, openai_jobs.pause(scope, job_id(identifier)))


@router.post("/fine_tuning/jobs/{identifier}/resume")
def resume_job(scope: Annotated[Scope, may_with_key(openai_jobs.resume)], identifier: Identifier) -> Response:
    """Ask a paused training to go on."""
    return _answer(scope, openai_jobs.resume(scope, job_id(identifier)))


def _answer(scope: Scope, job: FineTuningJob) -> Response:
    return answer(job_bodies(openai_jobs.seen(scope, job))[0])
