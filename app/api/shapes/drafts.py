"""Drafts as REST sees them."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.api.shapes.jobs import EstimateOut
from app.domain.drafts import JobDraft, Step
from app.domain.errors import Problem
from app.domain.estimates import Notice
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOut(JobDraft):
    """A draft after one step was stored, with what is wrong with that step's answers."""

    errors: list[Problem]

    @classmethod
    def of(cls, draft: JobDraft, problems: list[Problem]) -> "StepOut":
        """Return the draft with these problems."""
        return cls(**{each.name: getattr(draft, each.name) for each in fields(draft)}, errors=problems)


class ReviewOut(ResponseModel):
    """What a draft still lacks, what it would take, and which code it can be shown as."""

    complete: bool
    errors: dict[Step, list[Problem]] = Field(validation_alias="problems")
    blockers: list[Notice]
    warnings: list[Notice]
    estimate: EstimateOut | None
    code_targets: Annotated[list[str], BeforeValidator(list)]
