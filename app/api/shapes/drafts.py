"""Drafts as REST sees them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from app.api.shapes.common import FieldProblemOut
from app.api.shapes.jobs import EstimateOut, NoticeOut
from app.domain.drafts import DraftReview, JobDraft, Step
from app.domain.errors import Problem
from app.http.fields import KEYED, MAX_ENTRIES, Name, RequestModel, ResponseModel, Scalar, exemplified

# What a form's field holds: kept as it was given, right or wrong.
Typed = Scalar | None
TypedGroup = Annotated[dict[Name, Typed], Field(max_length=MAX_ENTRIES), KEYED] | Scalar | None


class DraftIn(RequestModel):
    """Fields of `POST /jobs`, each right or wrong; null takes an answer back."""

    model_config = exemplified({"base_model": "builtin:starter", "name": "support-triage"})

    project: Typed = None
    connection: Typed = None
    base_model: Typed = None
    name: Typed = None
    task_type: Typed = None
    method: Typed = None
    training_dataset: Typed = None
    validation: TypedGroup = None
    test_dataset: Typed = None
    hyperparameters: TypedGroup = None
    seed: Typed = None
    options: TypedGroup = None

    def answers(self) -> dict[str, Any]:
        """Return what was given, null included."""
        return self.model_dump(exclude_unset=True)


class DraftOut(ResponseModel):
    """A job in the making; `values` are the answers as they were given, right or wrong."""

    id: str
    revision: int
    values: dict[str, Any]
    visited: list[Step]
    job: str | None
    created_at: datetime
    updated_at: datetime


class ReplacedOut(ResponseModel):
    """A draft with another base model, and the names of settings that were dropped because they do not exist there."""

    draft: DraftOut
    dropped: list[str]


class StepOut(DraftOut):
    """A draft after one step was stored, with what is wrong with that step's answers."""

    errors: list[FieldProblemOut]

    @classmethod
    def of(cls, draft: JobDraft, problems: list[Problem]) -> "StepOut":
        """Return the draft with these problems."""
        errors = [FieldProblemOut.model_validate(problem) for problem in problems]
        return cls(**DraftOut.model_validate(draft).model_dump(), errors=errors)


class ReviewOut(ResponseModel):
    """What a draft still lacks, what it would take, and which code it can be shown as."""

    complete: bool
    errors: dict[Step, list[FieldProblemOut]]
    blockers: list[NoticeOut]
    warnings: list[NoticeOut]
    estimate: EstimateOut | None
    code_targets: list[str]

    @classmethod
    def of(cls, review: DraftReview) -> "ReviewOut":
        """Return a review in its shape."""
        return cls(
            complete=review.complete,
            errors={
                step: [FieldProblemOut.model_validate(problem) for problem in problems]
                for step, problems in review.problems.items()
            },
            blockers=[NoticeOut.model_validate(notice) for notice in review.blockers],
            warnings=[NoticeOut.model_validate(notice) for notice in review.warnings],
            estimate=None if review.estimate is None else EstimateOut.model_validate(review.estimate),
            code_targets=list(review.code_targets),
        )
