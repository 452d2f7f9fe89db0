"""REST on evaluations."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.api.answers import ACCEPTED, CREATED, answer, page
from app.api.routing import PathId, noun
from app.api.shapes.common import accepted_of, list_of
from app.api.shapes.evaluations import (
    EvaluationIn,
    EvaluationOut,
    EvaluationRowsQuery,
    EvaluationsQuery,
)
from app.domain.evaluations import EvaluationRow
from app.http.dependencies import may
from app.http.idempotency import OnceDep
from app.services import evaluations
from app.services.scope import Scope

router = noun("evaluations")


@router.get("", response_model=list_of(EvaluationOut))
def list_evaluations(
    scope: Annotated[Scope, may(evaluations.list_evaluations)], wanted: Annotated[EvaluationsQuery, Query()]
) -> Response:
    """The evaluations that fit, newest first."""
    return page(EvaluationOut, evaluations.list_evaluations(scope, **wanted.model_dump()))


@router.post("", response_model=EvaluationOut, status_code=CREATED)
def create_evaluation(scope: Annotated[Scope, may(evaluations.create)], body: EvaluationIn, once: OnceDep) -> Response:
    """Record an evaluation; the engine has it done."""
    fields = body.model_dump(exclude={"accept_cost"}) | {"accepted": accepted_of(body.accept_cost)}
    return once(scope, lambda: answer(EvaluationOut, evaluations.create(scope, **fields), CREATED))


@router.get("/{identifier}", response_model=EvaluationOut)
def get_evaluation(scope: Annotated[Scope, may(evaluations.get)], identifier: PathId) -> Response:
    """One evaluation."""
    return answer(EvaluationOut, evaluations.get(scope, identifier))


@router.post("/{identifier}/cancel", response_model=EvaluationOut, status_code=ACCEPTED)
def cancel_evaluation(scope: Annotated[Scope, may(evaluations.cancel)], identifier: PathId) -> Response:
    """Ask for the evaluation's end; asking again is fine."""
    return answer(EvaluationOut, evaluations.cancel(scope, identifier), ACCEPTED)


@router.get("/{identifier}/rows", response_model=list_of(EvaluationRow))
def list_evaluation_rows(
    scope: Annotated[Scope, may(evaluations.rows)], identifier: PathId, wanted: Annotated[EvaluationRowsQuery, Query()]
) -> Response:
    """The answered rows, in the order of lines."""
    found = evaluations.rows(scope, identifier, wrong_only=wanted.wrong, limit=wanted.limit, cursor=wanted.cursor)
    return page(EvaluationRow, found)
