"""azure-ai-ml's client of a workspace, made as everything here needs it; imported once needed, which takes seconds."""

import logging
import os
import warnings
from typing import TYPE_CHECKING

from app.backends.azure_foundry.settings import AzureSettings
from app.domain.backend import Rejected

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core.credentials import TokenCredential

    from app.backends.azure_foundry.transport.wire import Wire

_CLOUD_VARIABLE = "AZUREML_CURRENT_CLOUD"  # where azure-ai-ml keeps the cloud, for the whole process


def make_ml_client(settings: AzureSettings, credential: "TokenCredential", wire: "Wire") -> "MLClient":
    """Return the client of the workspace that the settings name; it repeats nothing and sends over our transport.

    Raises:
        Rejected: when this process speaks to another cloud.
    """
    _silence_warnings()
    from azure.ai.ml import MLClient

    _one_cloud(settings.cloud)
    return MLClient(
        credential,
        settings.subscription_id,
        settings.resource_group,
        settings.workspace,
        show_progress=False,
        enable_telemetry=False,
        cloud=settings.cloud,
        retry_total=0,
        polling_interval=2,
        transport=wire,
    )


def _one_cloud(wanted: str) -> None:
    """Refuse a second cloud: azure-ai-ml keeps the first for the whole process, and ignores the second silently.

    Raises:
        Rejected: when this process speaks to another one.
    """
    spoken = os.environ.get(_CLOUD_VARIABLE)  # noqa: TID251 -- this is where the package itself keeps it
    if spoken and spoken != wanted:
        raise Rejected(
            f"This process speaks to {spoken}, the connection asks for {wanted}.",
            fix="One installation speaks to one cloud: run a second TuneDesk for the other.",
        )


def _silence_warnings() -> None:
    """Keep the package's notes to its own authors out of our log: they come by the hundred, and tell users nothing."""
    from marshmallow.warnings import Marshmallow4Warning

    warnings.filterwarnings("ignore", category=Marshmallow4Warning)
    activity = logging.getLogger("azure.ai.ml._telemetry")  # the same story again, call by call
    activity.propagate = False
    if not activity.handlers:
        activity.addHandler(logging.NullHandler())
    logging.getLogger("azure.ai.ml").setLevel(logging.ERROR)  # it tells of "experimental" at every call
