"""Where a fine-tuned or base model can be served without machines of one's own."""

from app.backends.azure_foundry.model_ids import ModelId

# Regions of standard (serverless) deployments of models fine-tuned there. Read on 2026-11-21.
SOURCE = "https://learn.microsoft.com/azure/ai-foundry/how-to/deploy-models-serverless-availability"
_SIX = ("eastus", "eastus2", "northcentralus", "southcentralus", "westus", "westus3")
_BY_NAME = {"phi-4": _SIX, "ministral-3b": _SIX}


def serve_regions(model: ModelId) -> tuple[str, ...] | None:
    """Return the regions that serve a model serverless; None where that is not known, and Azure is to say it."""
    name = model.name.lower()
    return next((regions for start, regions in _BY_NAME.items() if name.startswith(start)), None)
