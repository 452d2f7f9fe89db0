"""What Azure is paid for: tokens trained on, hours of hosting, hours of machines. Amounts stand in data/prices.json."""

from collections.abc import Mapping, Sequence

from app.backends.asking import LONGEST_ANSWER
from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.catalog.hyperparameters import INSTANCE_TYPE, managed_fact
from app.backends.azure_foundry.catalog.model_ids import ModelId, Way
from app.domain.hyperparameters import Hyperparameter
from app.domain.prices import Charge, Price, Prices

MILLION = 1_000_000
INSTANCE_COUNT = "instance_count"
# Counting by characters is off by so much either way, compared with the models' own tokenizers.
TOKENS_LOW, TOKENS_HIGH = 0.8, 1.25
_USUAL_ANSWER = 64  # tokens; between a label and a paragraph, and said as a guess by the range


class AzurePrices(Prices):
    """To say what is billed."""

    def prices(self) -> Sequence[Price]:
        """Return everything that may be billed, known or not."""
        return reference_data.prices()

    def hosting_charges(
        self, base_model: str, *, tuned: bool, options: Mapping[str, Hyperparameter]
    ) -> Sequence[Charge]:
        """Return what an hour of serving takes: machines on managed compute, a fee for a tuned serverless model.

        A serverless base model is paid by token alone.
        """
        model = ModelId.parse(base_model)
        if model.way is Way.MANAGED:
            machine = str(options.get(INSTANCE_TYPE) or machine_of(model, {}) or "")
            count = options.get(INSTANCE_COUNT, 1)
            return (per_hour(f"compute:{machine}", machine or "a machine", float(count or 1)),)
        if not tuned:
            return ()
        return (per_hour(f"hosting:{model.registry}/{model.name}", f"Hosting of a tuned {model.name}"),)

    def asking_charges(self, base_model: str, *, rows: int, tokens: int) -> Sequence[Charge]:
        """Return the tokens that a serverless model reads and writes; a machine is paid by its hours, however busy.

        An answer is at least a token and at most the longest that an evaluation asks for.
        """
        model = ModelId.parse(base_model)
        if model.way is Way.MANAGED:
            return ()
        name, read, answers = f"{model.registry}/{model.name}", tokens / MILLION, rows / MILLION
        return (
            Charge(
                price=f"input:{name}",
                label="Tokens read",
                low=read * TOKENS_LOW,
                expected=read,
                high=read * TOKENS_HIGH,
            ),
            Charge(
                price=f"output:{name}",
                label="Tokens written",
                low=answers,
                expected=answers * _USUAL_ANSWER,
                high=answers * LONGEST_ANSWER,
            ),
        )


def per_hour(price: str, label: str, count: float = 1.0) -> Charge:
    """Return the charge of one hour of `count` things that are paid by the hour."""
    return Charge(price=price, label=label, low=count, expected=count, high=count, per_hour=count)


def machine_of(model: ModelId, options: Mapping[str, Hyperparameter]) -> str | None:
    """Return the instance type that a training asks for; the model's first one where nothing was chosen."""
    chosen = options.get(INSTANCE_TYPE)
    if isinstance(chosen, str) and chosen:
        return chosen
    fact = managed_fact(model)
    return fact.instance_types[0] if fact is not None and fact.instance_types else None
