"""REST on drafts: the wizard, step by step. The ETag is the draft's revision."""

import re
from typing import Annotated

from fastapi import Header, Query
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.api.answers import ACCEPTED, CREATED, LOOKING_UP, NO_CONTENT, answer, nothing, page
from app.api.routing import PathId, noun
from app.api.shapes.common import AcceptanceIn, accepted_in, list_of
from app.api.shapes.drafts import DraftIn, ReviewOut, StepOut
from app.api.shapes.jobs import JobOut
from app.domain.drafts import JobDraft, Step
from app.domain.errors import Stale
from app.domain.preflight import Preflight
from app.http.dependencies import may
from app.http.fields import Line, Paging
from app.http.idempotency import OnceDep
from app.services import code, demo_project, drafts, lifecycle
from app.services.lifecycle import Replaced
from app.services.scope import Scope

router = noun("drafts")
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,15})"')


@router.get("", response_model=list_of(JobDraft))
def list_drafts(scope: Annotated[Scope, may(drafts.list_drafts)], paging: Annotated[Paging, Query()]) -> Response:
    """The drafts, newest first."""
    return page(JobDraft, drafts.list_drafts(scope, limit=paging.limit, cursor=paging.cursor))


@router.post("", response_model=JobDraft, status_code=CREATED)
def create_draft(scope: Annotated[Scope, may(drafts.create)], values: DraftIn | None = None) -> Response:
    """Begin a draft, perhaps with answers already given."""
    draft = drafts.create(scope, values.answers() if values else {})
    return answer(JobDraft, draft, CREATED, _etag(draft))


@router.post("/sample", response_model=JobDraft, status_code=CREATED, responses=LOOKING_UP)
def create_sample_draft(scope: Annotated[Scope, may(demo_project.draft)]) -> Response:
    """Begin a draft of the sample, everything answered; its project and datasets are made where they are missing."""
    draft = demo_project.draft(scope)
    return answer(JobDraft, draft, CREATED, _etag(draft))


@router.get("/{identifier}", response_model=JobDraft)
def get_draft(scope: Annotated[Scope, may(drafts.get)], identifier: PathId) -> Response:
    """One draft."""
    draft = drafts.get(scope, identifier)
    return answer(JobDraft, draft, headers=_etag(draft))


@router.post("/{identifier}/replacement", response_model=Replaced)
def take_replacement(scope: Annotated[Scope, may(lifecycle.take_replacement)], identifier: PathId) -> Response:
    """Put the named replacement in the place of a base model that ends; settings that it has not are dropped."""
    replaced = lifecycle.take_replacement(scope, identifier)
    return answer(Replaced, replaced, headers=_etag(replaced.draft))


@router.delete("/{identifier}", status_code=NO_CONTENT)
def delete_draft(scope: Annotated[Scope, may(drafts.delete)], identifier: PathId) -> Response:
    """Forget a draft that has not become a job."""
    drafts.delete(scope, identifier)
    return nothing()


@router.patch("/{identifier}/{step}", response_model=StepOut)
def answer_draft_step(
    scope: Annotated[Scope, may(drafts.update_step)],
    identifier: PathId,
    step: Step,
    values: DraftIn,
    if_match: Annotated[
        str | None,
        Header(
            description="The ETag that the change is based on.",
            json_schema_extra={"pattern": rf"^(?:\*|{_ETAG.pattern})$"},
        ),
    ] = None,
) -> Response:
    """Store a step's answers, right or wrong; `errors` says what is wrong with them."""
    draft, checked = drafts.update_step(scope, identifier, step, values.answers(), revision=_revision(if_match))
    return answer(StepOut, StepOut.of(draft, list(checked.problems_in(step))), headers=_etag(draft))


@router.get("/{identifier}/review", response_model=ReviewOut)
def review_draft(scope: Annotated[Scope, may(drafts.review)], identifier: PathId) -> Response:
    """What is missing, what it would take, and as which code it can be shown."""
    return answer(ReviewOut, drafts.review(scope, identifier))


@router.get("/{identifier}/preflight", response_model=Preflight)
def get_draft_preflight(scope: Annotated[Scope, may(drafts.preflight)], identifier: PathId) -> Response:
    """What was found in the draft's model, settings and rows, as far as somebody has asked for it."""
    return answer(Preflight, drafts.preflight(scope, identifier))


@router.post("/{identifier}/preflight", response_model=Preflight, status_code=ACCEPTED)
def begin_draft_preflight(scope: Annotated[Scope, may(drafts.begin_preflight)], identifier: PathId) -> Response:
    """Begin to look for what would go wrong before the first step; asking again tells how far that is."""
    return answer(Preflight, drafts.begin_preflight(scope, identifier), ACCEPTED)


@router.get("/{identifier}/code", response_class=PlainTextResponse)
def get_draft_code(
    request: Request, scope: Annotated[Scope, may(code.of_draft)], identifier: PathId, target: Line = "curl"
) -> Response:
    """A complete draft as code that runs when pasted."""
    base_url = str(request.base_url).rstrip("/")
    return PlainTextResponse(code.of_draft(scope, identifier, target, base_url=base_url))


@router.post("/{identifier}/submit", response_model=JobOut, status_code=CREATED)
def submit_draft(
    scope: Annotated[Scope, may(drafts.submit)], identifier: PathId, once: OnceDep, body: AcceptanceIn | None = None
) -> Response:
    """Make a draft into a job; submitted again, it is the same job. `accept_cost` where that is billed."""
    return once(scope, lambda: answer(JobOut, drafts.submit(scope, identifier, accepted=accepted_in(body)), CREATED))


def _etag(draft: JobDraft) -> dict[str, str]:
    return {"etag": f'"{draft.revision}"'}


def _revision(if_match: str | None) -> int | None:
    """Return the revision that a change is based on; None where the client does not care."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise Stale("The If-Match header is no ETag of a draft.", fix="Send the ETag of the draft as it was answered.")
    return int(match[1])
