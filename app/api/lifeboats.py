"""REST on lifeboats: what was trained at a provider, brought home."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.api.answers import CREATED, answer, page
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.lifeboats import ForeseeIn, LifeboatIn, VoyageOut
from app.domain.drafts import JobDraft
from app.domain.lifeboats import Lifeboat, RescuedJob
from app.http.dependencies import may
from app.http.fields import Id, Paging
from app.services import lifeboats
from app.services.lifeboats import Comparison, Foreseen
from app.services.scope import Scope

router = noun("lifeboats")
rescued_router = noun("rescued-jobs")


@router.post("/foresee", response_model=Foreseen)
def foresee_lifeboat(scope: Annotated[Scope, may(lifeboats.foresee)], body: ForeseeIn) -> Response:
    """What a lifeboat would find and ask, by the first page of the provider's list; makes nothing."""
    return answer(Foreseen, lifeboats.foresee(scope, body.connection, body.rows))


@router.post("", response_model=Lifeboat, status_code=CREATED)
def create_lifeboat(scope: Annotated[Scope, may(lifeboats.begin)], body: LifeboatIn) -> Response:
    """Begin to bring home what was trained at a connection; one that is under way there is answered as it is."""
    return answer(Lifeboat, lifeboats.begin(scope, body.connection, body.project, body.rows), CREATED)


@router.get("", response_model=list_of(VoyageOut))
def list_lifeboats(
    scope: Annotated[Scope, may(lifeboats.list_lifeboats)], paging: Annotated[Paging, Query()]
) -> Response:
    """The lifeboats, newest first, each with the jobs that it found and those of which everything is here."""
    return page(VoyageOut, lifeboats.list_lifeboats(scope, limit=paging.limit, cursor=paging.cursor))


@router.get("/{identifier}", response_model=VoyageOut)
def get_lifeboat(scope: Annotated[Scope, may(lifeboats.get)], identifier: PathId) -> Response:
    """One lifeboat."""
    return answer(VoyageOut, lifeboats.get(scope, identifier))


@router.get("/{identifier}/jobs", response_model=list_of(RescuedJob))
def list_rescued_jobs(
    scope: Annotated[Scope, may(lifeboats.rescued_jobs)], identifier: PathId, paging: Annotated[Paging, Query()]
) -> Response:
    """The jobs that a lifeboat has found, newest first, with what of them is here."""
    return page(RescuedJob, lifeboats.rescued_jobs(scope, identifier, limit=paging.limit, cursor=paging.cursor))


@rescued_router.get("/{identifier}", response_model=RescuedJob)
def get_rescued_job(scope: Annotated[Scope, may(lifeboats.rescued)], identifier: PathId) -> Response:
    """One rescued job."""
    return answer(RescuedJob, lifeboats.rescued(scope, identifier))


@rescued_router.post("/{identifier}/draft", response_model=JobDraft, status_code=CREATED)
def train_rescued_job_again(scope: Annotated[Scope, may(lifeboats.train_again)], identifier: PathId) -> Response:
    """Begin a draft with what the job was trained with; where, and from which base model, is to be chosen."""
    return answer(JobDraft, lifeboats.train_again(scope, identifier), CREATED)


@rescued_router.get("/{identifier}/comparison", response_model=Comparison)
def compare_rescued_job(
    scope: Annotated[Scope, may(lifeboats.compare)], identifier: PathId, evaluation: Annotated[Id, Query()]
) -> Response:
    """The recorded answers of the model that is gone beside those of an evaluation of the same rows."""
    return answer(Comparison, lifeboats.compare(scope, identifier, evaluation))
