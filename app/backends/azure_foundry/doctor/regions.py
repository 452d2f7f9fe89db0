"""In which regions which models are tuned serverless."""

from collections.abc import Sequence

# https://learn.microsoft.com/azure/ai-foundry/how-to/deploy-models-serverless-availability, as of 2026-01: one list for
# the whole Phi-4 family and Ministral-3B.
_PHI_4 = ("eastus", "eastus2", "northcentralus", "southcentralus", "westus", "westus3")
_REGIONS = {
    "Phi-4": _PHI_4,
    "Phi-4-mini-instruct": _PHI_4,
    "Phi-4-multimodal-instruct": _PHI_4,
    "Ministral-3B": _PHI_4,
}


def regions_of(model: str) -> Sequence[str] | None:
    """Return the regions in which a model is tuned serverless; None where that is not known."""
    return _REGIONS.get(model)


def families_in(region: str) -> Sequence[str]:
    """Return the models that are tuned serverless in a region."""
    return [name for name, regions in _REGIONS.items() if region in regions]
