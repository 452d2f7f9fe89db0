"""From our names of hyperparameters to the keys on the wire, which are free text there and differ by model family."""

from collections.abc import Mapping

from app.backends.azure_foundry.model_ids import ModelId
from app.domain.hyperparameters import AUTO, Hyperparameter

KEYS: Mapping[str, str] = {
    "n_epochs": "num_train_epochs",
    "batch_size": "per_device_train_batch_size",
}


def wire(model: ModelId, values: Mapping[str, Hyperparameter]) -> Mapping[str, str]:
    """Return the values as Azure takes them: all of them text; what is left to Azure is left out."""
    del model
    return {KEYS.get(name, name): written(value) for name, value in values.items() if value != AUTO}


def written(value: Hyperparameter) -> str:
    """Return a value as text: whole numbers without a fraction, small ones without an exponent."""
    return f"{value:.12f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
