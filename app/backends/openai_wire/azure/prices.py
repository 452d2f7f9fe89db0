"""What Azure charges: tokens by the kind of training, hours of hosting. What has no source is unknown, and says so."""

from collections.abc import Mapping, Sequence
from datetime import date

from app.backends.openai_wire.azure.catalog import DEVELOPER, GLOBAL, STANDARD, TRAINING_TYPE, name_of, row_of, rows
from app.backends.openai_wire.azure.deployments import DEVELOPER_TIER, SKU
from app.backends.openai_wire.platform.estimate import MILLION, few_rows, steps_of, tokens_trained
from app.domain.backend import Estimates
from app.domain.estimates import Estimate
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec
from app.domain.prices import Charge, Meter, Price, Prices, Unit

_SOURCE = "MicrosoftDocs/azure-ai-docs, how-to-fine-tuning-cost-management-content.md"
_AS_OF = date(2026, 3, 19)
_LOOK_UP = "https://azure.microsoft.com/pricing/details/cognitive-services/openai-service/"
_HOSTING = "hosting"
_KNOWN = {("gpt-4.1", GLOBAL): "2.00"}  # the documentation's example; every other training price has no source
_BASIS = "Tokens are counted by rule of thumb. Azure's queues take from minutes to many hours."


class AzurePrices(Prices, Estimates):
    """To say what is billed, and what a training will take."""

    def prices(self) -> Sequence[Price]:
        """Return what may be billed, known or not."""
        hosting = Price(
            id=_HOSTING,
            label="Hosting of a tuned model",
            kind=Meter.HOSTING,
            unit=Unit.HOUR,
            amount="1.70",
            note="Standard and Global Standard, as an official example. DeveloperTier costs nothing by the hour.",
            source=_SOURCE,
            as_of=_AS_OF,
            look_up=_LOOK_UP,
        )
        return [hosting, *(_training(name_of(row), kind) for row in rows() for kind in (STANDARD, GLOBAL, DEVELOPER))]

    def hosting_charges(
        self,
        base_model: str,  # noqa: ARG002 -- every tuned model costs the same by the hour
        *,
        tuned: bool,
        options: Mapping[str, Hyperparameter],
    ) -> Sequence[Charge]:
        """Return the fee of an hour; a base model, and DeveloperTier, are paid by the token alone."""
        if not tuned or options.get(SKU) == DEVELOPER_TIER:
            return ()
        return (Charge(price=_HOSTING, label="Hosting of a tuned model", low=1, expected=1, high=1, per_hour=1.0),)

    def asking_charges(self, base_model: str, *, rows: int, tokens: int) -> Sequence[Charge] | None:  # noqa: ARG002
        """Return None: what a tuned model's answers cost is not sourced."""
        return None

    def estimate(
        self,
        spec: JobSpec,
        *,
        rows: int,
        tokens: int,
        validation_rows: int,  # noqa: ARG002 -- what is validated is not billed
        longest: int | None = None,  # noqa: ARG002 -- trained elsewhere, where memory is no question
    ) -> Estimate:
        """Estimate tokens; the house puts prices to them."""
        epochs, low, expected, high = tokens_trained(spec, tokens)
        kind = str(spec.options.get(TRAINING_TYPE) or GLOBAL)
        row = row_of(spec.base_model)
        charge = Charge(
            price=_price_of(name_of(row) if row is not None else spec.base_model, kind),
            label=f"Training tokens, {spec.base_model} ({kind})",
            low=low / MILLION,
            expected=expected / MILLION,
            high=high / MILLION,
        )
        return Estimate(
            tokens=round(expected),
            epochs=epochs,
            steps=steps_of(spec, rows, epochs),
            charges=(charge,),
            basis=_BASIS,
            warnings=few_rows(rows),
        )


def _price_of(model: str, kind: str) -> str:
    return f"training:{model}:{kind}"


def _training(model: str, kind: str) -> Price:
    row = row_of(model)
    amount = _KNOWN.get((str(row["model"]) if row is not None else model, kind))
    return Price(
        id=_price_of(model, kind),
        label=f"Training {model} ({kind})",
        kind=Meter.TRAINING,
        unit=Unit.MILLION_TOKENS,
        model=model if kind == GLOBAL else "",
        amount=amount,
        note="An official example." if amount else "No sourced price. Developer is said to cost half of Global.",
        source=_SOURCE if amount else None,
        as_of=_AS_OF if amount else None,
        look_up=_LOOK_UP,
    )
