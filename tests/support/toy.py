"""A backend that no module of the product has heard of: it trains, sends bills, and serves nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from app.domain.backend import (
    Backend,
    Chats,
    Checks,
    Deploys,
    Estimates,
    Evaluates,
    JobObservation,
    KeepsWeights,
    NotAuthorised,
    NotFound,
    RemoteEvent,
    RemoteFile,
    RemoteJob,
    TrainingRequest,
)
from app.domain.backend_abilities import OffersCheckpoints
from app.domain.catalog import CatalogModel
from app.domain.connection_kinds import ConnectionKind
from app.domain.connections import Check, CheckStatus
from app.domain.errors import Problem
from app.domain.estimates import Estimate
from app.domain.events import EventLevel
from app.domain.fields import ConnectionField
from app.domain.hyperparameters import Hyperparameter, HyperparameterSpec, HyperparameterType
from app.domain.jobs import JobProgress, JobReason, JobSpec, JobStatus
from app.domain.metrics import TRAIN_LOSS, Metric
from app.domain.prices import Charge, Meter, Price, Prices, Unit
from app.domain.profiles import BackendProfile

TOKEN = "a-toy-token"
FAILS = "fails"  # a training whose model is to be called so fails
STEPS = 4
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = CatalogModel(
    id="toy:wooden",
    name="Wooden toy",
    publisher="Toymakers",
    connection="",
    takes_seed=False,
    hyperparameters=tuple(
        HyperparameterSpec(
            name=name, label=name, help="As always.", type=HyperparameterType.INTEGER, default=2, minimum=1, maximum=9
        )
        for name in ("n_epochs", "batch_size")
    ),
)
PROFILE = BackendProfile(
    id="toy",
    title="Toy Cloud",
    bills=True,
    slots=2,
    notice="wood, not a model",
    model_help="As it stands on the box.",
    cannot={
        Chats: "Toy Cloud answers nobody.",
        Deploys: "Toy Cloud serves no models: they are made of wood.",
        Evaluates: "Toy Cloud cannot tell good answers from bad ones.",
        KeepsWeights: "Toy Cloud keeps what it has carved.",
        OffersCheckpoints: "Toy Cloud shows nothing that is half carved.",
    },
)


@dataclass
class ToyProvider:
    """The provider itself, which outlives our process: jobs by tag, with how often each was looked at."""

    jobs: dict[str, TrainingRequest] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)


class ToyBackend(Backend, Checks, Estimates, Prices):
    """One connection to the provider."""

    profile = PROFILE
    acceptance_grace = timedelta(0)

    def __init__(self, provider: ToyProvider, token: str) -> None:
        self.provider = provider
        self.token = token

    def check(self) -> None:
        if self.token != TOKEN:
            raise NotAuthorised("Toy Cloud does not know this token.", fix="Enter the right one.")

    def doctor(self) -> Sequence[Check]:
        status = CheckStatus.PASS if self.token == TOKEN else CheckStatus.FAIL
        return (Check(id="token", title="The token is known", status=status),)

    def base_models(self) -> Sequence[CatalogModel]:
        return (MODEL,)

    def base_model(self, identifier: str) -> CatalogModel:
        if identifier != MODEL.id:
            raise NotFound(f"Toy Cloud has no {identifier!r}.", fix="Choose the wooden one.")
        return MODEL

    def upload(self, path: Path, *, tag: str) -> RemoteFile:
        assert path.is_file()
        return RemoteFile(tag)

    def file(self, file: RemoteFile) -> RemoteFile:
        return file

    def submit(self, request: TrainingRequest) -> RemoteJob:
        self.check()
        self.provider.jobs.setdefault(request.tag, request)
        return RemoteJob(request.tag)

    def find(self, tag: str) -> RemoteJob | None:
        return RemoteJob(tag) if tag in self.provider.jobs else None

    def observe(self, job: RemoteJob, *, since: str | None) -> JobObservation:
        if job.id not in self.provider.jobs:
            raise NotFound("Toy Cloud has no such job.", fix="Submit it again.")
        request = self.provider.jobs[job.id]
        if job.id in self.provider.cancelled:
            return JobObservation(status=JobStatus.CANCELLED, raw_status="Put back")
        step = self.provider.looks[job.id] = min(self.provider.looks.get(job.id, 0) + 1, STEPS)
        if step == STEPS and FAILS in request.suffix:
            message = "The wood split along its grain."
            return JobObservation(
                status=JobStatus.FAILED, reason=JobReason.BACKEND_ERROR, message=message, raw_status="Split"
            )
        new = range(int(since or 0) + 1, step + 1)
        return JobObservation(
            status=JobStatus.SUCCEEDED if step == STEPS else JobStatus.RUNNING,
            raw_status="Carved" if step == STEPS else "Carving",
            progress=JobProgress(step=step, steps=STEPS),
            fine_tuned_model=f"toy-model-{job.id}" if step == STEPS else None,
            sent=dict(request.hyperparameters),
            events=[RemoteEvent(id=f"{job.id}:in", at=EPOCH, level=EventLevel.INFO, message="The wood came in.")],
            metrics=[Metric(name=TRAIN_LOSS, step=each, value=2.0 / each) for each in new],
            cursor=str(step),
            next_look=timedelta(seconds=1),
        )

    def cancel(self, job: RemoteJob) -> None:
        if self.provider.looks.get(job.id, 0) < STEPS:
            self.provider.cancelled.add(job.id)

    def discard_model(self, model: str) -> str | None:
        self.provider.removed.append(model)
        return "Burnt."

    def estimate(
        self,
        spec: JobSpec,
        *,
        rows: int,
        tokens: int,
        validation_rows: int,
        longest: int | None = None,  # noqa: ARG002 -- trained elsewhere, where memory is no question
    ) -> Estimate:
        assert validation_rows >= 0
        epochs = spec.hyperparameters.get("n_epochs", 2)
        trained = tokens * int(epochs if isinstance(epochs, int | float) else 2)
        return Estimate(
            tokens=trained,
            steps=STEPS,
            basis=f"Toy Cloud counts {rows} rows.",
            charges=(Charge(price="carving", label="Carving", low=1.0, expected=2.0, high=3.0),),
        )

    def prices(self) -> Sequence[Price]:
        return (
            Price(
                id="carving", label="Carving", kind=Meter.TRAINING, unit=Unit.MILLION_TOKENS, model=MODEL.id,
                amount="1.50", source="https://toys.example/prices", as_of=date(2026, 11, 1),
            ),
        )  # fmt: skip

    def hosting_charges(
        self, base_model: str, *, tuned: bool, options: Mapping[str, Hyperparameter]
    ) -> Sequence[Charge]:
        del base_model, tuned, options
        return ()

    def asking_charges(self, base_model: str, *, rows: int, tokens: int) -> Sequence[Charge] | None:
        del base_model, rows, tokens
        return None


class ToyKind(ConnectionKind):
    """Connections to the toy provider: a token is all that they ask for."""

    profile = PROFILE
    summary = "Models of wood."
    fields = (ConnectionField(name="token", label="Token", required=True, secret=True),)

    def __init__(self, provider: ToyProvider) -> None:
        self.provider = provider

    def problems(self, settings: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> Sequence[Problem]:
        del settings, others
        return ()

    def open(
        self, settings: Mapping[str, str], secrets: Mapping[str, str], *, earlier: Backend | None = None
    ) -> Backend:
        del settings, earlier
        return ToyBackend(self.provider, secrets.get("token", ""))
