"""Evaluations as REST sees them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.api.shapes.common import CostIn, TargetIn
from app.domain.deployments import Target
from app.domain.evaluations import EvaluationGoal, EvaluationMetrics, EvaluationStatus
from app.http import fields
from app.http.fields import Id, RequestModel, ResponseModel, Text, Whole, described, exemplified, given
from app.services.evaluations import MAX_FEW_SHOT


class EvaluationIn(RequestModel):
    """Let a target answer the rows of a dataset, perhaps with a system prompt and examples before each question."""

    model_config = exemplified(
        {"target": {"base_model": "builtin:starter", "connection": "con_01jd3x8z"}, "dataset": "ds_01jd3x8z"},
        **{
            "if": {"required": ["few_shot"], "properties": {"few_shot": {"minimum": 1}}},
            "then": given("few_shot_dataset"),
        },
    )

    target: TargetIn
    dataset: Id
    system_prompt: Text | None = None
    few_shot: Annotated[Whole, described(minimum=0, maximum=MAX_FEW_SHOT)] = 0
    few_shot_dataset: Id | None = None
    accept_cost: CostIn | None = None


class EvaluationsQuery(fields.Paging):
    """Which evaluations."""

    job: Id | None = None
    model: Id | None = None
    project: Id | None = None


class EvaluationRowsQuery(fields.NumberedPaging):
    """Which rows."""

    wrong: bool = Field(False, description="Only rows that were answered wrongly.")


class EvaluationOut(ResponseModel):
    """One evaluation and its outcome."""

    id: str
    target: Target
    dataset: str
    project: str | None
    job: str | None
    system_prompt: str | None
    few_shot: int
    few_shot_dataset: str | None
    selection_biased: bool
    goal: EvaluationGoal
    status: EvaluationStatus
    reason: str | None
    message: str
    note: str
    done_rows: int
    total_rows: int | None
    metrics: EvaluationMetrics | None
    rendering: int | None = Field(
        description="The version of the rendering that wrote the questions; null where it is not known. "
        "Evaluations of different versions are not comparable."
    )
    model_hash: str | None = Field(description="SHA-256 of the files of the model that answered; null if not known.")
    not_reused: str = Field(description="Why an earlier evaluation that asked the same was not taken over.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
