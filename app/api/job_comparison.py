"""REST on runs side by side. Its address comes before that of a single job."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.api.answers import answer
from app.api.routing import noun
from app.api.shapes.comparison import CompareQuery, ComparisonOut
from app.http.dependencies import may
from app.services import comparing
from app.services.scope import Scope

router = noun("jobs")


@router.get("/compare", response_model=ComparisonOut)
def compare_jobs(scope: Annotated[Scope, may(comparing.compare)], wanted: Annotated[CompareQuery, Query()]) -> Response:
    """Two to ten runs side by side: settings, figures, and which of them may be compared."""
    return answer(ComparisonOut, comparing.compare(scope, comparing.chosen(wanted.ids)))
