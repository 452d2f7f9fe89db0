"""REST on capsules: a run written down whole, run again, made elsewhere. These addresses come before a single job's."""

from typing import Annotated

from starlette.responses import Response

from app.api.answers import CREATED, answer
from app.api.routing import PathId, noun
from app.api.shapes.capsules import FromCapsuleIn
from app.api.shapes.common import AcceptanceIn, accepted_in, accepted_of
from app.api.shapes.jobs import JobOut
from app.http.dependencies import may
from app.http.downloads import text_attachment
from app.http.idempotency import OnceDep
from app.services import capsule_import, capsules
from app.services.scope import Scope

router = noun("jobs")
_JSON = "application/json"


@router.post("/from-capsule", response_model=JobOut, status_code=CREATED)
def create_job_from_capsule(
    scope: Annotated[Scope, may(capsule_import.create)], body: FromCapsuleIn, once: OnceDep
) -> Response:
    """Make the job that a capsule describes, if everything is here and the same; else say what is not."""
    return once(
        scope,
        lambda: answer(
            JobOut,
            capsule_import.create(
                scope,
                body.capsule,
                project=body.project,
                connection=body.connection,
                base_model=body.base_model,
                accepted=accepted_of(body.accept_cost),
            ),
            CREATED,
        ),
    )


@router.get("/{identifier}/capsule", responses={200: {"content": {_JSON: {}}}})
def get_capsule(scope: Annotated[Scope, may(capsules.of_job)], identifier: PathId) -> Response:
    """Everything that it takes to run the job again, and its results."""
    return text_attachment(capsules.text(capsules.of_job(scope, identifier)), f"{identifier}.capsule.json", _JSON)


@router.post("/{identifier}/run-again", response_model=JobOut, status_code=CREATED)
def run_job_again(
    scope: Annotated[Scope, may(capsules.run_again)],
    identifier: PathId,
    once: OnceDep,
    body: AcceptanceIn | None = None,
) -> Response:
    """Make a new job with the same spec and the seed that was really taken; `accept_cost` where that is billed."""
    accepted = accepted_in(body)
    return once(scope, lambda: answer(JobOut, capsules.run_again(scope, identifier, accepted=accepted), CREATED))
