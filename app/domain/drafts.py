"""The wizard's memory: what has been answered so far, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.catalog import CatalogModel
from app.domain.connections import Connection
from app.domain.datasets import Dataset
from app.domain.errors import Problem
from app.domain.estimates import Estimate, Notice
from app.domain.jobs import JobSpec
from app.domain.projects import Project


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


def step_of(pointer: str) -> Step:
    """Return the wizard's step that asks for the field at a JSON pointer."""
    field_of = pointer.lstrip("/").split("/")[0]
    return next((step for step, fields in FIELDS.items() if field_of in fields), Step.PROJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of a job's fields: a spec if nothing is wrong, else the problems; and what they stand for, as far as
    that exists.
    """

    spec: JobSpec | None
    problems: Sequence[Problem]
    project: Project | None
    connection: Connection | None
    model: CatalogModel | None
    training: Dataset | None
    validation: Dataset | None
    test: Dataset | None

    def problems_in(self, step: Step) -> Sequence[Problem]:
        """Return what is wrong with a step's answers."""
        return [each for each in self.problems if step_of(each.pointer) is step]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReview:
    """What a draft stands for and still lacks, what it would take, and which code it can be shown as."""

    draft: JobDraft
    checked: Checked
    complete: bool
    problems: Mapping[Step, Sequence[Problem]]
    blockers: Sequence[Notice]
    warnings: Sequence[Notice]
    estimate: Estimate | None
    code_targets: Mapping[str, str]  # with their names for people
