"""Removing at Azure what one training made: its model, and the copy of its rows."""

from pathlib import Path

from app.backends.azure_foundry.cleanup import cleanup
from app.backends.azure_foundry.serving.endpoints import Endpoints
from app.backends.azure_foundry.training.jobs import Training
from app.backends.azure_foundry.training.uploads import VERSION
from app.backends.azure_foundry.transport.errors import in_azure_words
from app.domain.backend import Backend
from app.domain.serving import ForgetsUploads


class AzureRemoval(Endpoints, ForgetsUploads, Backend):
    """To remove models and rows, and to say how it went."""

    training: Training

    @in_azure_words
    def discard_model(self, model: str) -> str | None:
        """Delete a model version, else archive it, and say which; one that is gone is fine.

        Raises:
            Rejected: when it is not ours, or an endpoint still serves it.
        """
        said = cleanup.remove_model(self.workspace, model)
        self.serverless.release_subscriptions()
        return said

    @in_azure_words
    def discard_upload(self, path: Path) -> str:
        """Remove the data asset that was made from a file's rows, and say how; one that is gone is fine."""
        return cleanup.remove_data(self.workspace, f"{self.training.uploads.name_of(path)}:{VERSION}")
