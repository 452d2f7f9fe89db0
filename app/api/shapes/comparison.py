"""Runs side by side as REST sees them."""

from typing import Annotated

from pydantic import Field

from app.api.shapes.evaluations import EvaluationOut
from app.api.shapes.jobs import JobOut
from app.domain.comparison import FEWEST_RUNS, MOST_RUNS, ComparedFigure, ComparedSetting
from app.http import fields
from app.http.fields import ResponseModel, described
from app.kit.ids import ID_PATTERN


class CompareQuery(fields.Query):
    """Which runs."""

    ids: Annotated[
        list[Annotated[str, Field(max_length=2000)]],
        Field(max_length=50, description="Two to ten job ids; one value may hold several, separated by commas."),
        described(
            items={"type": "string", "pattern": ID_PATTERN}, minItems=FEWEST_RUNS, maxItems=MOST_RUNS, uniqueItems=True
        ),
    ]


class ComparisonOut(ResponseModel):
    """Two to ten runs side by side."""

    jobs: list[JobOut]
    evaluations: list[EvaluationOut | None] = Field(description="Those of the tuned models; null where there is none.")
    settings: list[ComparedSetting]
    figures: list[ComparedFigure]
