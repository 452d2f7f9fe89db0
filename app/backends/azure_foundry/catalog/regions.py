"""Where a model can be served without machines of one's own, and in which version on one's own: from the data files."""

from app.backends.azure_foundry.catalog import hyperparameters, reference_data
from app.backends.azure_foundry.catalog.model_ids import ModelId


def serve_regions(model: ModelId, *, tuned: bool = True) -> tuple[str, ...] | None:
    """Return the regions that serve a model serverless; None where that is not known, and Azure is to say it.

    A tuned model lives in the project that trained it, and is served where its base can be trained.
    """
    for each in reference_data.regions():
        if (each.registry, each.name.lower()) == (model.registry, model.name.lower()):
            return each.train if tuned else each.serve
    return None


def newest_version(model: ModelId) -> str | None:
    """Return the version that an id names, else the one last seen in the registry; None where that is not known."""
    fact = hyperparameters.managed_fact(model)
    return model.version or (fact.version if fact is not None else None)
