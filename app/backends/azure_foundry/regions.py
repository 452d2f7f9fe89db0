"""Where a fine-tuned or base model can be served without machines of one's own."""

from app.backends.azure_foundry import facts
from app.backends.azure_foundry.model_ids import ModelId


def serve_regions(model: ModelId) -> tuple[str, ...] | None:
    """Return the regions that serve a model fine-tuned serverless; None where that is not known, and Azure says it.

    A tuned model is served where its base can be fine-tuned (fine-tune-serverless.md, "Cross region deployment").
    """
    wanted = (model.registry, model.name)
    return next((fact.train for fact in facts.regions() if (fact.registry, fact.name) == wanted), None)
