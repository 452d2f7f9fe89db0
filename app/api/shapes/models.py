"""Fine-tuned models as REST sees them."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from app.domain.deployments import Deployment
from app.domain.evaluations import Evaluation
from app.domain.models import FineTunedModel, ModelStatus, TeardownStep
from app.http import fields
from app.http.fields import Id, Line, RequestModel, ResponseModel, exemplified


class ModelsQuery(fields.Paging):
    """Which models."""

    project: Id | None = None


class ModelOut(ResponseModel):
    """The product of a job."""

    id: str
    name: str
    job: str | None
    project: str
    connection: str
    base_model: str
    remote_id: str
    adapter: str
    status: ModelStatus
    size_bytes: int | None
    checkpoint_step: int | None
    created_at: datetime
    deleted_at: datetime | None
    kept_there: bool = Field(description="Made elsewhere: removing it here leaves it at its provider.")


class ModelDetailOut(ModelOut):
    """A model with the ids of what judges and what serves it."""

    evaluations: list[str]
    deployments: list[str]
    parent: str | None = Field(description="The tuned model that it was trained from, where it was one.")
    children: list[str] = Field(description="The models that were trained from it.")

    @classmethod
    def of(
        cls,
        model: FineTunedModel,
        evaluations: Sequence[Evaluation],
        deployments: Sequence[Deployment],
        parent: FineTunedModel | None,
        children: Sequence[FineTunedModel],
    ) -> "ModelDetailOut":
        """Return a model with its evaluations, deployments and lineage."""
        return cls(
            **ModelOut.model_validate(model).model_dump(),
            evaluations=[each.id for each in evaluations],
            deployments=[each.id for each in deployments],
            parent=parent.id if parent else None,
            children=[each.id for each in children],
        )


class TeardownIn(RequestModel):
    """The model's name, typed by the one who wants it gone.

    One with `kept_there` goes at its provider, too, where `confirm` is its `remote_id`.
    """

    model_config = exemplified({"confirm": "support-triage"})

    confirm: Line


class TeardownOut(ResponseModel):
    """What removing a model takes, in its order."""

    model: ModelOut
    steps: list[TeardownStep]
    blockers: list[str]
    started: bool
