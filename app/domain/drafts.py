"""The wizard's memory: what has been answered so far, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.errors import Problem
from app.domain.estimates import Estimate, Notice


class Step(StrEnum):
    """The wizard's steps, in their order."""

    PROJECT = "project"
    MODEL = "model"
    DATA = "data"
    VALIDATION = "validation"
    HYPERPARAMETERS = "hyperparameters"


STEPS = tuple(Step)
# Which fields of a job each step asks for; REST's PATCH /drafts/{id}/{step} takes exactly these.
FIELDS: dict[Step, tuple[str, ...]] = {
    Step.PROJECT: ("project", "connection"),
    Step.MODEL: ("base_model", "name", "task_type", "method"),
    Step.DATA: ("training_dataset",),
    Step.VALIDATION: ("validation", "test_dataset"),
    Step.HYPERPARAMETERS: ("hyperparameters", "options", "seed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDraft:
    """A job in the making. `values` are stored as typed, right or wrong, so that nothing is lost."""

    id: str
    revision: int = 1
    values: Mapping[str, Any] = field(default_factory=dict)
    visited: Sequence[Step] = ()
    job: str | None = None  # once submitted
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReview:
    """What a draft still lacks, what it would take, and which code it can be shown as."""

    complete: bool
    problems: Mapping[Step, Sequence[Problem]]
    blockers: Sequence[Notice]
    warnings: Sequence[Notice]
    estimate: Estimate | None
    code_targets: Mapping[str, str]  # with their names for people
