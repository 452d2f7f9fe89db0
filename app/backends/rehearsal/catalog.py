"""The rehearsal's base models and knobs, what it would cost, and the doctor: all labelled, all free."""

from collections.abc import Sequence

from app.backends.rehearsal.faults import FaultKind
from app.backends.rehearsal.state import LABEL, RehearsalState
from app.domain.backend import Backend, Checks, Estimates
from app.domain.catalog import CatalogModel
from app.domain.connections import Check, CheckStatus
from app.domain.estimates import Estimate
from app.domain.hyperparameters import HyperparameterSpec, HyperparameterType, Preset
from app.domain.jobs import JobSpec

HYPERPARAMETERS = (
    HyperparameterSpec(
        name="n_epochs",
        label="Epochs",
        type=HyperparameterType.INTEGER,
        default=3,
        minimum=1,
        maximum=50,
        help="How often every row would be seen.",
    ),
    HyperparameterSpec(
        name="batch_size",
        label="Batch size",
        type=HyperparameterType.INTEGER,
        default=8,
        minimum=1,
        maximum=256,
        help="How many rows one step would learn from.",
    ),
    HyperparameterSpec(
        name="learning_rate",
        label="Learning rate",
        type=HyperparameterType.NUMBER,
        default=0.001,
        minimum=0,
        exclusive_minimum=True,
        maximum=1,
        help="How far each step would go. The made-up curve only shows it.",
    ),
)
MODELS = tuple(
    CatalogModel(
        id=f"rehearsal:{size}",
        name=f"{LABEL} {size}",
        publisher="TuneDesk",
        connection="",
        summary="Trains nothing and answers with an echo: for trying TuneDesk itself, and its faults.",
        licence="none needed",
        context_length=4096,
        hyperparameters=HYPERPARAMETERS,
        presets=(Preset(id="usual", label="Usual", help="The defaults; free and made up.", values={}),),
    )
    for size in ("small", "large")
)


class Catalog(RehearsalState, Checks, Estimates, Backend):
    """What can be rehearsed, and whether it can be now."""

    def check(self) -> None:
        """Return, unless the script wants it otherwise."""
        self.stumble("check", "")

    def base_models(self) -> Sequence[CatalogModel]:
        """Return the two models that do nothing."""
        self.stumble("base_models", "")
        return MODELS

    def base_model(self, identifier: str) -> CatalogModel:
        """Return one of them."""
        self.stumble("base_model", identifier)
        for model in MODELS:
            if model.id == identifier:
                return model
        raise self.missing("base model", identifier)

    def doctor(self) -> Sequence[Check]:
        """Report that nothing is missing, and what the script has in store."""
        faults = len(self.script.faults)
        detail = f"{faults} scripted fault{'' if faults == 1 else 's'}." if faults else "No faults are scripted."
        return (
            Check(id="rehearsal", title=f"{LABEL}: nothing here is real", status=CheckStatus.PASS, detail=detail),
            self._folder_check(),
        )

    def _folder_check(self) -> Check:
        broken = self.script.fault("doctor", "", 0, turn=0, spent=0)
        status = CheckStatus.FAIL if broken is not None and broken.kind is not FaultKind.STRANGE else CheckStatus.PASS
        return Check(id="ledger", title="The ledger can be written", status=status, detail=self.ledger.path.name)

    def estimate(
        self,
        spec: JobSpec,
        *,
        rows: int,
        tokens: int,
        validation_rows: int,
        longest: int | None = None,  # noqa: ARG002 -- trained elsewhere, where memory is no question
    ) -> Estimate:
        """Return the script's own durations; rows only count for the tokens."""
        self.stumble("estimate", "")
        epochs = spec.hyperparameters.get("n_epochs", 3)
        number = float(epochs) if isinstance(epochs, int | float) else 3.0
        duration = self.script.queue_s + self.script.train_s
        basis = f"{LABEL}: {rows} training and {validation_rows} validation rows would be used; nothing is trained."
        return Estimate(
            tokens=int(tokens * number), epochs=number, steps=self.script.steps, duration_s=duration, basis=basis
        )
