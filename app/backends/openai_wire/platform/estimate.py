"""What a training will take, said before: tokens, and that nobody knows how long the queue is."""

import math
from collections.abc import Sequence

from app.backends.openai_wire.catalog.models import CLOSES, CLOSING
from app.backends.openai_wire.platform.catalog import price_of
from app.backends.openai_wire.platform.settings import PlatformSettings
from app.backends.openai_wire.training.jobs import Wire
from app.domain.backend import Estimates
from app.domain.estimates import Estimate, Notice
from app.domain.jobs import JobSpec
from app.domain.prices import Charge

MILLION = 1_000_000
FEWEST_ROWS = 10  # below, the service refuses the file
_TOKENS_LOW, _TOKENS_HIGH = 0.8, 1.25  # counting by characters is off by so much either way
_AUTO_EPOCHS = (1, 3, 4)  # what OpenAI chooses by the number of rows, as people report
_BASIS = "Tokens are counted by rule of thumb. How long the queue is, nobody says: minutes to many hours are reported."


def tokens_trained(spec: JobSpec, tokens: int) -> tuple[float, float, float, float]:
    """Return (epochs, least, expected and most tokens)."""
    chosen = spec.hyperparameters.get("n_epochs")
    fixed = isinstance(chosen, int | float) and not isinstance(chosen, bool)
    low, expected, high = (float(chosen),) * 3 if fixed and chosen is not None else _AUTO_EPOCHS
    return expected, tokens * low * _TOKENS_LOW, tokens * expected, tokens * high * _TOKENS_HIGH


def few_rows(rows: int) -> Sequence[Notice]:
    """Return the warning that the service refuses so few rows, where it does."""
    if rows >= FEWEST_ROWS:
        return ()
    message = f"At least {FEWEST_ROWS} rows are needed to train; there are {rows}."
    return (Notice(step="data", pointer="/training_dataset", message=message, fix="Add rows."),)


def steps_of(spec: JobSpec, rows: int, epochs: float) -> int | None:
    """Return the optimizer's steps where the batch size is chosen."""
    batch = spec.hyperparameters.get("batch_size")
    if isinstance(batch, bool) or not isinstance(batch, int | float) or batch < 1:
        return None
    return math.ceil(rows / batch) * round(epochs)


class PlatformEstimate(Estimates):
    """To say what a training will take."""

    settings: PlatformSettings
    wire: Wire

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
        charge = Charge(
            price=price_of(self.settings, spec.base_model),
            label=f"Training tokens, {spec.base_model}",
            low=low / MILLION,
            expected=expected / MILLION,
            high=high / MILLION,
        )
        closed = self.settings.is_openai and self.wire.clock.now().date() >= CLOSES
        notice = Notice(step="model", pointer="/connection", message=CLOSING, fix="Train on another connection.")
        warned = [notice] if self.settings.is_openai and not closed else []
        return Estimate(
            tokens=round(expected),
            epochs=epochs,
            steps=steps_of(spec, rows, epochs),
            charges=(charge,),
            basis=_BASIS,
            blockers=[notice] if closed else (),
            warnings=[*warned, *few_rows(rows)],
        )
