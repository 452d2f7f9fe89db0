"""REST on jobs: make, steer."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from app.api.answers import ACCEPTED, CREATED, answer, listing, page
from app.api.routing import PathId, noun
from app.api.shapes.common import AcceptanceIn, accepted_in, accepted_of, list_of
from app.api.shapes.jobs import (
    CandidateOut,
    EstimateOut,
    JobIn,
    JobModelIn,
    JobOut,
    JobsQuery,
    MoveIn,
    ResolveIn,
)
from app.api.shapes.models import ModelOut
from app.domain.drafts import JobDraft
from app.domain.preflight import Preflight
from app.http.dependencies import may
from app.http.idempotency import OnceDep
from app.services import checkpoints, drafts, estimates, job_models, jobs, pausing, preflights, queue
from app.services.scope import Scope

router = noun("jobs")
Step = Annotated[int, Path(ge=0, le=2**53)]


@router.post("/estimate", response_model=EstimateOut)
def estimate_job(scope: Annotated[Scope, may(estimates.estimate)], body: JobIn) -> Response:
    """What a job would take and cost, and what stands in its way; makes nothing."""
    return answer(EstimateOut, estimates.estimate(scope, body.fields()))


@router.post("/preflight", response_model=Preflight, status_code=ACCEPTED)
def begin_preflight(scope: Annotated[Scope, may(preflights.begin)], body: JobIn) -> Response:
    """Begin to look for what would go wrong in a job before its first step; asking again tells how far that is."""
    return answer(Preflight, preflights.begin(scope, body.fields()), ACCEPTED)


@router.post("", response_model=JobOut, status_code=CREATED)
def create_job(scope: Annotated[Scope, may(jobs.create)], body: JobIn, once: OnceDep) -> Response:
    """Record a job; the engine submits it."""
    accepted = accepted_of(body.accept_cost)
    return once(scope, lambda: answer(JobOut, jobs.create(scope, body.fields(), accepted=accepted), CREATED))


@router.get("", response_model=list_of(JobOut))
def list_jobs(scope: Annotated[Scope, may(jobs.list_jobs)], wanted: Annotated[JobsQuery, Query()]) -> Response:
    """The jobs that fit, newest first unless `sort` says otherwise."""
    found = jobs.list_jobs(
        scope,
        statuses=wanted.status,
        project=wanted.project,
        connection=wanted.connection,
        query=wanted.q,
        sort=wanted.sort,
        limit=wanted.limit,
        cursor=wanted.cursor,
    )
    return page(JobOut, found)


@router.get("/{identifier}", response_model=JobOut)
def get_job(scope: Annotated[Scope, may(jobs.get)], identifier: PathId) -> Response:
    """One job."""
    return answer(JobOut, jobs.get(scope, identifier))


@router.post("/{identifier}/cancel", response_model=JobOut, status_code=ACCEPTED)
def cancel_job(scope: Annotated[Scope, may(jobs.cancel)], identifier: PathId) -> Response:
    """Ask for the job's end; asking again is fine."""
    return answer(JobOut, jobs.cancel(scope, identifier), ACCEPTED)


@router.post("/{identifier}/stop", response_model=JobOut, status_code=ACCEPTED)
def stop_job(scope: Annotated[Scope, may(jobs.stop)], identifier: PathId) -> Response:
    """End the training now and keep what it has learned as its model; asking again is fine."""
    return answer(JobOut, jobs.stop(scope, identifier), ACCEPTED)


@router.post("/{identifier}/pause", response_model=JobOut, status_code=ACCEPTED)
def pause_job(scope: Annotated[Scope, may(pausing.pause)], identifier: PathId) -> Response:
    """Let the training stand still with what it has learned, where the backend can; asking again is fine."""
    return answer(JobOut, pausing.pause(scope, identifier), ACCEPTED)


@router.post("/{identifier}/resume", response_model=JobOut, status_code=ACCEPTED)
def resume_job(scope: Annotated[Scope, may(pausing.resume)], identifier: PathId) -> Response:
    """Let a paused training go on; asking again is fine."""
    return answer(JobOut, pausing.resume(scope, identifier), ACCEPTED)


@router.post("/{identifier}/move", response_model=list_of(JobOut))
def move_job(scope: Annotated[Scope, may(queue.move)], identifier: PathId, body: MoveIn) -> Response:
    """Give a waiting job another place in its connection's line; answer the line, the next one first."""
    moved = queue.move(scope, identifier, queue.Move(body.to))
    return listing(JobOut, queue.line(scope, moved.spec.connection))


@router.post("/{identifier}/retry", response_model=JobOut, status_code=CREATED)
def retry_job(
    scope: Annotated[Scope, may(jobs.retry)], identifier: PathId, once: OnceDep, body: AcceptanceIn | None = None
) -> Response:
    """Make a new job with the same spec; where that is billed, `accept_cost` says that it may be."""
    return once(scope, lambda: answer(JobOut, jobs.retry(scope, identifier, accepted=accepted_in(body)), CREATED))


@router.post("/{identifier}/clone", response_model=JobDraft, status_code=CREATED)
def clone_job(scope: Annotated[Scope, may(drafts.of_job)], identifier: PathId) -> Response:
    """Begin a draft with the job's answers, to be changed."""
    return answer(JobDraft, drafts.of_job(scope, identifier), CREATED)


@router.post("/{identifier}/resolve", response_model=JobOut)
def resolve_job(scope: Annotated[Scope, may(jobs.resolve)], identifier: PathId, body: ResolveIn) -> Response:
    """Settle a submit whose outcome nobody could establish."""
    settled = jobs.resolve(scope, identifier, remote_id=body.remote_id, not_submitted=body.not_submitted)
    return answer(JobOut, settled)


@router.get("/{identifier}/candidates", response_model=list_of(CandidateOut))
def list_candidates(scope: Annotated[Scope, may(job_models.candidates)], identifier: PathId) -> Response:
    """The models that a job may have made which succeeded without naming one, asked of its backend now."""
    return listing(CandidateOut, job_models.candidates(scope, identifier))


@router.post("/{identifier}/model", response_model=JobOut)
def choose_model(scope: Annotated[Scope, may(job_models.choose)], identifier: PathId, body: JobModelIn) -> Response:
    """Say which of its candidates a job's model is."""
    return answer(JobOut, job_models.choose(scope, identifier, body.model))


@router.post("/{identifier}/checkpoints/{step}/model", response_model=ModelOut, status_code=CREATED)
def create_model_from_checkpoint(
    scope: Annotated[Scope, may(checkpoints.make_model)], identifier: PathId, step: Step, once: OnceDep
) -> Response:
    """Save a checkpoint as a model of its own."""
    return once(scope, lambda: answer(ModelOut, checkpoints.make_model(scope, identifier, step), CREATED))


@router.post("/{identifier}/checkpoints/{step}/continue", response_model=JobDraft, status_code=CREATED)
def continue_from_checkpoint(
    scope: Annotated[Scope, may(drafts.of_checkpoint)], identifier: PathId, step: Step
) -> Response:
    """Begin a draft that trains a checkpoint further; a model is made of it when the draft is submitted."""
    return answer(JobDraft, drafts.of_checkpoint(scope, identifier, step), CREATED)
