"""A job as a configuration for AutoTrain Advanced."""

from collections.abc import Mapping
from pathlib import Path

from app.backends.local.models import Base
from app.domain.autotrain import writing
from app.domain.backend import Unsupported
from app.domain.canonical import Row
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec, ValidationKind
from app.training import trl_arguments

AUTOTRAIN = "autotrain"


def configuration(
    spec: JobSpec, base: Base, settings: Mapping[str, Hyperparameter], *, rows: Path, count: int, first: Row
) -> str:
    """Return the file; `settings` have a value for everything, and `rows` is a file of `count` canonical rows.

    Raises:
        Unsupported: the base is an adapter, which AutoTrain cannot begin with.
    """
    if base.adapter is not None:
        fix = "Merge the adapter into its base first, on the model's page, and train the merged model."
        raise Unsupported("AutoTrain begins with a whole model, and this base is an adapter.", fix=fix)
    return writing.write(
        writing.Training(
            name=spec.name,
            method=spec.method,
            base_model=str(base.path) if base.path else str(base.hub),
            seed=spec.seed or 0,
            settings=settings,
            rows=rows,
            shape=first.shape,
            chats=first.is_conversation,
            steps=trl_arguments.total_steps(count, settings),
            asked=_asked(spec),
        )
    )


def _asked(spec: JobSpec) -> dict[str, str]:
    """Return what was asked for beside the settings, in words."""
    choice = spec.validation
    shares = f"{choice.ratio or 0:g} of the rows, by seed {choice.seed}, {choice.strategy.value}"
    kinds = {
        ValidationKind.SPLIT: f"{shares}, set apart already" if choice.kind is ValidationKind.SPLIT else "",
        ValidationKind.DATASET: f"the dataset {choice.dataset}",
        ValidationKind.NONE: "none",
    }
    test = f"{choice.test_ratio:g} of the rows" if choice.test_ratio else spec.test_dataset or "none"
    return {"task_type": spec.task_type.value, "validation": kinds[choice.kind], "test": test}
