"""What a training at Azure will take, said before: tokens or machine hours, a range of time, and what may surprise.

Nothing here is measured: tokens are counted by rule of thumb, Azure's queues are its own, and what a machine reaches of
its peak depends on the rows. So everything is a range, and `basis` says what it rests on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.backends.azure_foundry.account.prices import MILLION, TOKENS_HIGH, TOKENS_LOW, machine_of
from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.catalog.hyperparameters import COMPUTE, epochs, specs
from app.backends.azure_foundry.catalog.model_ids import ModelId, Way
from app.backends.azure_foundry.catalog.reference_data import MachineFact
from app.backends.azure_foundry.catalog.registry_cache import RegistryCache
from app.backends.azure_foundry.transport.errors import translates_errors
from app.domain.backend import Estimates
from app.domain.estimates import Estimate, Notice
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec
from app.domain.prices import Charge

# Where Azure decides the number of epochs: the ends of its own range (data/hyperparameters.json), and what most take.
_AUTO_EPOCHS = (1, 3, 10)
# Serverless: reports of an hour for tiny datasets, of three hours until something was wrong
# (github.com/MicrosoftLearning/mslearn-ai-studio, issues 62 and 78).
_SERVERLESS_S = (30 * 60.0, 60 * 60.0, 3 * 3600.0)
# Machines: (fetching image and weights, starting, registering) in seconds, and the share of the peak that is reached.
_OVERHEAD_S = (10 * 60.0, 20 * 60.0, 45 * 60.0)
_REACHED = (0.45, 0.3, 0.15)
_FLOPS_PER_TOKEN = 6  # per parameter: forward 2, backward 4 (Kaplan et al. 2020)
_FEWEST_ROWS = 10  # below, the service refuses the file


@dataclass(frozen=True, slots=True)
class _Range:
    low: float
    expected: float
    high: float


class AzureEstimate(Estimates):
    """To say what a training will take."""

    looked_up: RegistryCache

    @translates_errors
    def estimate(
        self,
        spec: JobSpec,
        *,
        rows: int,
        tokens: int,
        validation_rows: int,
        longest: int | None = None,  # noqa: ARG002 -- trained elsewhere, where memory is no question
    ) -> Estimate:
        """Estimate tokens, time and what will be billed; the house puts prices to it."""
        model = ModelId.parse(spec.base_model)
        chosen = epochs(model, spec.hyperparameters)
        epoch_range = _Range(*_AUTO_EPOCHS) if chosen is None else _Range(chosen, chosen, chosen)
        trained = _Range(
            tokens * epoch_range.low * TOKENS_LOW,
            tokens * epoch_range.expected,
            tokens * epoch_range.high * TOKENS_HIGH,
        )
        warnings = _warnings(spec, rows, validation_rows)
        auto = "" if chosen is not None else " Azure decides the epochs: 1 to 10, 3 assumed."
        took: _Range | None = _Range(*_SERVERLESS_S)
        charges, basis = _by_token(model, trained), _SERVERLESS_BASIS
        if model.way is Way.MANAGED:
            took, charges, basis = _by_machine(model, spec.options, trained)
        return Estimate(
            tokens=round(trained.expected),
            epochs=epoch_range.expected,
            steps=_steps(model, spec.hyperparameters, rows, epoch_range.expected),
            duration_s=None if took is None else took.expected,
            duration_low_s=None if took is None else took.low,
            duration_high_s=None if took is None else took.high,
            charges=charges,
            basis=basis + auto,
            warnings=warnings,
        )


_SERVERLESS_BASIS = (
    "Tokens are counted by rule of thumb. The time is what people report: most of it is waiting for Azure."
)


def _by_token(model: ModelId, trained: _Range) -> Sequence[Charge]:
    return (
        Charge(
            price=f"training:{model.registry}/{model.name}",
            label=f"Training tokens, {model.name}",
            low=trained.low / MILLION,
            expected=trained.expected / MILLION,
            high=trained.high / MILLION,
        ),
    )


def _by_machine(
    model: ModelId, options: Mapping[str, Hyperparameter], trained: _Range
) -> tuple[_Range | None, Sequence[Charge], str]:
    if options.get(COMPUTE):
        return None, (), "A cluster of your own: its machines and prices are not known here."
    name = machine_of(model, options)
    machine = next((fact for fact in reference_data.machines() if fact.name == name), None)
    parameters = next(
        (
            fact.parameters
            for fact in reference_data.models()
            if (fact.registry, fact.name) == (model.registry, model.name)
        ),
        None,
    )
    if name is None or machine is None or parameters is None:
        unknown = Charge(price=f"compute:{name}", label=name or "machine", low=0, expected=0, high=0, per_hour=1)
        return None, (unknown,), "The time is unknown: the machine's or the model's size is not known here."
    took = _time_on(machine, parameters, trained)
    hours = [seconds / 3600 for seconds in (took.low, took.expected, took.high)]
    charge = Charge(
        price=f"compute:{name}", label=f"Hours of {name}", low=hours[0], expected=hours[1], high=hours[2], per_hour=1.0
    )
    basis = (
        f"Assumed, not measured: {machine.gpus} {machine.gpu} at 15 to 45 % of its peak, and 10 to 45 minutes besides."
    )
    return took, (charge,), basis


def _time_on(machine: MachineFact, parameters: int, trained: _Range) -> _Range:
    peak = machine.gpus * machine.tflops * 1e12
    work = [_FLOPS_PER_TOKEN * parameters * tokens for tokens in (trained.low, trained.expected, trained.high)]
    low, expected, high = (
        round(overhead + flops / (peak * reached), 1)
        for overhead, flops, reached in zip(_OVERHEAD_S, work, _REACHED, strict=True)
    )
    return _Range(low, expected, high)


def _steps(model: ModelId, hyperparameters: Mapping[str, Hyperparameter], rows: int, passes: float) -> int | None:
    default = next(spec.default for spec in specs(model) if spec.name == "batch_size")
    batch = hyperparameters.get("batch_size", default)
    if not rows or not isinstance(batch, int | float) or batch < 1:
        return None
    return math.ceil(rows / batch) * round(passes)


def _warnings(spec: JobSpec, rows: int, validation_rows: int) -> Sequence[Notice]:
    notices = []
    if rows < _FEWEST_ROWS:
        message = f"Azure wants at least {_FEWEST_ROWS} rows to train on; there are only {rows}."
        notices.append(Notice(step="data", pointer="/training_dataset", message=message, fix="Add rows."))
    if 0 < validation_rows < _FEWEST_ROWS:
        message = f"The {validation_rows} validation rows are few: their loss says little."
        notices.append(Notice(step="validation", pointer="/validation", message=message, fix="Set more rows apart."))
    if spec.seed is not None:
        message = "Azure takes no seed: the same job again gives another model."
        notices.append(Notice(step="hyperparameters", pointer="/seed", message=message, fix="Leave the seed empty."))
    return notices
