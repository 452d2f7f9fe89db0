"""Jobs as REST sees them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasPath, BeforeValidator, Field

from app.api.shapes.common import CostIn
from app.api.shapes.splits import ROW_FIELD_RULE, Seed
from app.domain import metadata
from app.domain.estimates import Notice, ResourceEstimate
from app.domain.jobs import (
    JobGoal,
    JobParts,
    JobProgress,
    JobReason,
    JobSpec,
    JobStatus,
    ValidationKind,
)
from app.domain.money import CostRange, Money
from app.domain.names import MODEL_NAME
from app.domain.prices import Billing, Price
from app.domain.splits import MAX_KEY_CHARS, MAX_SEED
from app.http import fields
from app.http.fields import (
    KEYED,
    VISIBLE_LINE,
    Id,
    Line,
    RequestModel,
    ResponseModel,
    Settings,
    Text,
    Whole,
    absent,
    described,
    exemplified,
    given,
    holds,
)

_KINDS = {kind: holds("kind", kind) for kind in ValidationKind}
_SHARE = {"minimum": 0, "exclusiveMaximum": 1}  # 0: as left out
_LIMITS = {
    "ratio": _SHARE,
    "test_ratio": _SHARE,
    "seed": {"minimum": 0, "maximum": MAX_SEED},
    "key": {"maxLength": MAX_KEY_CHARS},
}
# What does not belong to the kind does not count, and may be anything of its type.
VALIDATION_RULES = [
    {"if": _KINDS[ValidationKind.DATASET], "then": given("dataset")},
    {"if": _KINDS[ValidationKind.SPLIT], "then": {"properties": _LIMITS, **ROW_FIELD_RULE}},
]
_SPLITS_OFF_A_TEST = {
    "type": "object",
    "required": ["kind", "test_ratio"],
    "properties": {"kind": {"const": ValidationKind.SPLIT}, "test_ratio": {"type": "number", "exclusiveMinimum": 0}},
}

Metadata = Annotated[
    dict[
        Annotated[Text, Field(min_length=1, max_length=metadata.MAX_KEY_CHARS)],
        Annotated[Text, Field(max_length=metadata.MAX_VALUE_CHARS)],
    ],
    Field(max_length=metadata.MAX_PAIRS, description="Pairs of your own, to find the job again."),
    KEYED,
]

_IF_BILLED = BeforeValidator(lambda bill: bill if bill.billing is Billing.BILLED else None)
_UNLESS_FREE = BeforeValidator(lambda cost: None if cost.billing is Billing.FREE else cost)


class ValidationIn(RequestModel):
    """Where the validation rows come from: a dataset, a split of the training dataset, or nowhere."""

    model_config = exemplified(
        {"kind": "split", "ratio": 0.1, "test_ratio": 0.1, "seed": 7, "strategy": "stratified"}, allOf=VALIDATION_RULES
    )

    kind: Literal["dataset", "split", "none"]
    dataset: Id | None = None
    ratio: float | None = Field(None, description="The share of all rows for validation, between 0 and 1.")
    test_ratio: float | None = Field(None, description="The share of all rows for the test set.")
    seed: Whole | None = None
    strategy: Literal["random", "grouped", "stratified"] | None = None
    key: Line | None = None


class JobIn(RequestModel):
    """A fine-tuning job; `name` is the fine-tuned model's name."""

    model_config = exemplified(
        {
            "project": "prj_01jd3x8z",
            "connection": "con_01jd3x8z",
            "base_model": "builtin:starter",
            "name": "support-triage",
            "training_dataset": "ds_01jd3x8z",
            "validation": {"kind": "split", "ratio": 0.1, "seed": 7},
            "hyperparameters": {"n_epochs": 3},
        },
        **{
            "if": {"properties": {"validation": _SPLITS_OFF_A_TEST}, "required": ["validation"]},
            "then": absent("test_dataset"),
        },
    )

    project: Id
    connection: Id
    base_model: Annotated[Line, described(pattern=VISIBLE_LINE)]
    name: Annotated[Line, described(pattern=MODEL_NAME.pattern)]
    task_type: Literal["chat_completion", "text_completion"] = "chat_completion"
    method: Literal["sft", "dpo"] = "sft"
    training_dataset: Id
    validation: ValidationIn | None = None
    test_dataset: Id | None = None
    hyperparameters: Settings = Field(default_factory=dict)
    seed: Seed | None = None
    options: Settings = Field(default_factory=dict)
    metadata: Metadata = Field(default_factory=dict)
    accept_cost: CostIn | None = None

    def fields(self) -> dict[str, Any]:
        """Return what was given of the job itself, as services take it."""
        return self.model_dump(exclude_none=True, exclude={"accept_cost"})


class ResolveIn(RequestModel):
    """How an unknown submit ended: it is that job at the provider, or it never arrived."""

    model_config = exemplified(
        {"not_submitted": True},
        **{
            "if": given("remote_id"),
            "then": {"properties": {"not_submitted": {"const": False}}},
            "else": {"properties": {"not_submitted": {"const": True}}, "required": ["not_submitted"]},
        },
    )

    remote_id: Annotated[Line, Field(min_length=1)] | None = None
    not_submitted: bool = False


class MoveIn(RequestModel):
    """Where in the line a waiting job is to stand."""

    model_config = exemplified({"to": "front"})

    to: Literal["front", "up", "down", "back"]


class JobsQuery(fields.Paging):
    """Which jobs, in which order."""

    status: list[JobStatus] = Field(default_factory=list, max_length=20)
    project: Id | None = None
    connection: Id | None = None
    q: Line | None = Field(
        None,
        description="Text in the name, the base model, the id, or the name of project, dataset or model.",
    )
    sort: Literal["-created_at", "created_at"] = "-created_at"


class MetricsQuery(fields.Query):
    """Which series, how fine, and from where on."""

    name: list[Line] = Field(default_factory=list, max_length=50)
    points: int = Field(1000, ge=2, le=5000, description="How many points a series has at most; every peak is kept.")
    since: int | None = Field(None, ge=-1, le=2**53, description="Only steps behind this one.")


class LogQuery(fields.Query):
    """How much of the log."""

    lines: int = Field(200, ge=1, le=10_000)


class JobModelIn(RequestModel):
    """Which of its candidates a job's model is, by its `name`."""

    model_config = exemplified({"model": "triage-job-01jd3x8z4pex5vsknk084sn02q:1"})

    model: Annotated[Line, Field(min_length=1)]


class CandidateOut(ResponseModel):
    """A model at the backend that a job may have made; `sure` where nothing else can have made it."""

    name: str
    created_at: datetime | None
    reason: str
    sure: bool
    description: str


class ChargeOut(ResponseModel):
    """A quantity that is billed, in its price's unit."""

    label: str
    low: float
    expected: float
    high: float
    per_hour: float | None


class BillItemOut(ResponseModel):
    """A quantity with its price; `expected` is null while the price is unknown, and then it is in no total."""

    charge: ChargeOut
    price: Price
    expected: Money | None


class BillOut(ResponseModel):
    """Everything that is billed."""

    items: list[BillItemOut]


class EstimateOut(ResponseModel):
    """What a job will take, as far as that is known."""

    tokens: int | None
    epochs: float | None
    steps: int | None
    duration_s: float | None
    duration_low_s: float | None
    duration_high_s: float | None
    cost: CostRange | None = Field(description="Of what has a price; null where nothing has.")
    billing: Billing = Field(validation_alias=AliasPath("bill", "billing"))
    bill: Annotated[BillOut | None, _IF_BILLED] = Field(description="Null unless `billing` is billed.")
    basis: str
    resources: list[ResourceEstimate]
    blockers: list[Notice]
    warnings: list[Notice]


class CostOut(ResponseModel):
    """What a job costs, of what has a price: estimated at its submission, and so far (its total, once it has ended)."""

    estimated: Money | None
    so_far: Money | None
    unpriced: list[str] = Field(description="What is missing because its price is unknown.")


class JobOut(ResponseModel):
    """One fine-tuning job: what was asked, where it stands, and the backend's own word with its time."""

    id: str
    name: str = Field(validation_alias=AliasPath("spec", "name"))
    status: JobStatus
    goal: JobGoal
    reason: JobReason | None
    message: str
    note: str
    raw_status: str
    observed_at: datetime | None
    remote_id: str | None
    progress: JobProgress
    spec: JobSpec
    parts: JobParts | None
    fine_tuned_model: str | None
    billing: Billing = Field(validation_alias=AliasPath("bill", "billing"))
    cost: Annotated[CostOut | None, _UNLESS_FREE] = Field(None, description="Null where nothing is billed.")
    cloned_from: str | None
    adopted: bool = Field(description="Made elsewhere: followed, and neither submitted, steered nor billed from here.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
