"""REST on what others made on a connection's account: shown, and taken into the record."""

from typing import Annotated

from starlette.responses import Response

from app.api.answers import CREATED, answer
from app.api.routing import PathId, noun
from app.api.shapes.adoptions import AccountOut, AdoptFileIn, AdoptJobIn, FileRemovalIn
from app.api.shapes.connections import RemovalOut
from app.api.shapes.jobs import JobOut
from app.domain.datasets import Dataset
from app.http.dependencies import may
from app.services import adopting
from app.services.scope import Scope

router = noun("connections")


@router.get("/{identifier}/account", response_model=AccountOut)
def get_account(scope: Annotated[Scope, may(adopting.report)], identifier: PathId) -> Response:
    """Ask the provider now what is on the account, whoever made it, and not in the record."""
    return answer(AccountOut, AccountOut.of(adopting.report(scope, identifier)))


@router.post("/{identifier}/account/jobs", response_model=JobOut, status_code=CREATED)
def adopt_job(scope: Annotated[Scope, may(adopting.adopt_job)], identifier: PathId, body: AdoptJobIn) -> Response:
    """Take a job into the record with its rows; it is followed, never submitted, steered or billed from here."""
    made = adopting.adopt_job(scope, identifier, body.job, body.project, body.name or "", body.training_dataset or "")
    return answer(JobOut, made, CREATED)


@router.post("/{identifier}/account/files", response_model=Dataset, status_code=CREATED)
def adopt_file(scope: Annotated[Scope, may(adopting.adopt_file)], identifier: PathId, body: AdoptFileIn) -> Response:
    """Take a file into the record, as a dataset; the same file again is the same dataset."""
    return answer(Dataset, adopting.adopt_file(scope, identifier, body.file, body.project, body.name or ""), CREATED)


@router.post("/{identifier}/account/files/removal", response_model=RemovalOut)
def remove_account_file(
    scope: Annotated[Scope, may(adopting.remove_file)], identifier: PathId, body: FileRemovalIn
) -> Response:
    """Remove an adopted file at its provider, by its name there; its rows stay here."""
    return answer(RemovalOut, {"outcome": adopting.remove_file(scope, identifier, body.file, body.confirm)})
