"""What people set on a training, by way and model: the form's fields, and the same as Azure's keys and texts.

Hyperparameters are a map of text to text on the wire, and its keys are not those that the portal shows: both stand in
data/hyperparameters.json. A model's own defaults and limits (data/managed.json) come before the general ones.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.catalog.model_ids import ModelId, Way
from app.backends.azure_foundry.catalog.reference_data import HyperparameterFact, ManagedFact
from app.domain.backend import Rejected
from app.domain.hyperparameters import (
    AUTO,
    Hyperparameter,
    HyperparameterSpec,
    HyperparameterType,
    Preset,
    check_values,
)

INSTANCE_TYPE = "instance_type"
COMPUTE = "compute"  # the name of a cluster of one's own


def managed_fact(model: ModelId) -> ManagedFact | None:
    """Return how a model is tuned on managed compute, as far as the data file knows."""
    wanted = (model.registry, model.name)
    return next((fact for fact in reference_data.managed() if (fact.registry, fact.name) == wanted), None)


def region_note(model: ModelId, region: str, *, tuned: bool) -> str:
    """Return what our dated list says where it does not have a region; "" where it does, or has no such model.

    It never decides: Azure serves in further regions before any list says so. A tuned model stays in the project that
    trained it, and where tuned ones are served is listed by no source, so for those the training regions are named.
    """
    for each in reference_data.regions():
        if (each.registry, each.name.lower()) == (model.registry, model.name.lower()):
            known = each.train if tuned else each.serve
            if region in known:
                return ""
            what = "tuned, and tuned models are served from where they were trained," if tuned else "served"
            return f"As of {each.as_of}, {model.name} was known to be {what} in {', '.join(known)}, not in {region}."
    return ""


def newest_version(model: ModelId) -> str | None:
    """Return the version that an id names, else the one last seen in the registry; None where that is not known."""
    fact = managed_fact(model)
    return model.version or (fact.version if fact is not None else None)


def specs(model: ModelId, instance_types: Sequence[str] = ()) -> Sequence[HyperparameterSpec]:
    """Return the knobs of a model; `instance_types` are those that a registry allows, where the data file is silent."""
    fact = managed_fact(model)
    specs = [_spec(field, fact) for field in reference_data.hyperparameters() if field.way == model.way]
    if model.way is Way.SERVERLESS:
        return tuple(specs)
    allowed = fact.instance_types if fact is not None else tuple(instance_types)
    return (*specs, *_machines(allowed))


def presets() -> Sequence[Preset]:
    """Return named sets of values; all else is left to its default."""
    return (
        Preset(
            id="quick", label="Quick look", values={"n_epochs": 1},
            help="One pass over the rows: shows that everything works, for the least money.",
        ),
        Preset(
            id="balanced", label="Balanced", values={"n_epochs": 3},
            help="Three passes: a usual start. Costs three times as much as one.",
        ),
        Preset(
            id="thorough", label="Thorough", values={"n_epochs": 5},
            help="Five passes, for small datasets; watch the validation loss.",
        ),
    )  # fmt: skip


def wire_values(model: ModelId, hyperparameters: Mapping[str, Hyperparameter]) -> dict[str, str]:
    """Return the hyperparameters by Azure's keys and as texts. What is left out is Azure's to decide (serverless), or
    sent as the default that was shown (managed compute).

    Raises:
        Rejected: when a value is unknown or out of range.
    """
    known = [spec for spec in specs(model) if not spec.option]
    good, problems = check_values(known, hyperparameters, "/hyperparameters")
    if problems:
        raise Rejected(" ".join(each.message for each in problems), fix=" ".join(each.fix for each in problems))
    keys = {field.name: field.wire for field in reference_data.hyperparameters() if field.way == model.way}
    whole = {spec.name: spec.default for spec in known} | good
    return {keys[name]: _plain(value) for name, value in whole.items() if value != AUTO}


def epochs(model: ModelId, hyperparameters: Mapping[str, Hyperparameter]) -> int | None:
    """Return how many epochs are asked for; None where that is left to Azure."""
    default = next(spec.default for spec in specs(model) if spec.name == "n_epochs")
    value = hyperparameters.get("n_epochs", default)
    return int(value) if isinstance(value, int | float) else None


def _spec(field: HyperparameterFact, fact: ManagedFact | None) -> HyperparameterSpec:
    default, low, high = field.default, field.minimum, field.maximum
    if fact is not None and field.way == Way.MANAGED:
        if field.name == "learning_rate":
            default = fact.learning_rate
            low = fact.learning_rate_minimum if fact.learning_rate_minimum is not None else low
            high = fact.learning_rate_maximum if fact.learning_rate_maximum is not None else high
        elif field.name == "batch_size":
            default = fact.batch_size
    kind = HyperparameterType(field.type)
    whole = kind is HyperparameterType.INTEGER
    return HyperparameterSpec(
        name=field.name,
        label=field.label,
        type=kind,
        default=AUTO if default is None else int(default) if whole else default,
        auto=default is None,
        minimum=low,
        maximum=high,
        exclusive_minimum=not whole and low == 0,
        help=f"{field.help} API name: {field.wire}.",
    )


def _machines(allowed: Sequence[str]) -> tuple[HyperparameterSpec, ...]:
    cluster = HyperparameterSpec(
        name=COMPUTE, label="Own cluster", type=HyperparameterType.STRING, default="", option=True, advanced=True,
        help="The name of a compute cluster of the workspace; empty takes the instance type above.",
    )  # fmt: skip
    if not allowed:
        return (cluster,)
    machine = HyperparameterSpec(
        name=INSTANCE_TYPE, label="Instance type", type=HyperparameterType.CHOICE, default=allowed[0],
        choices=tuple(allowed), option=True,
        help="The machine that trains, from your own quota; those that this model is allowed on.",
    )  # fmt: skip
    return (machine, cluster)


def _plain(value: Hyperparameter) -> str:
    """Return a number as digits without an exponent, as in Microsoft's examples: 0.00002."""
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value)
