"""The SDKs as the tests of the cloud use them, imported with their own warnings silenced: those are theirs to mend."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from azure.ai.ml import Input, MLClient, Output
    from azure.ai.ml.entities import (
        AmlCompute,
        Data,
        Hub,
        ManagedOnlineEndpoint,
        MarketplaceSubscription,
        Project,
        ServerlessEndpoint,
    )
    from azure.ai.ml.entities._job.finetuning.custom_model_finetuning_job import CustomModelFineTuningJob

__all__ = [
    "AmlCompute",
    "CustomModelFineTuningJob",
    "Data",
    "Hub",
    "Input",
    "MLClient",
    "ManagedOnlineEndpoint",
    "MarketplaceSubscription",
    "Output",
    "Project",
    "ServerlessEndpoint",
]
