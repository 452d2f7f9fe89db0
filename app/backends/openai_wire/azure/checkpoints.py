"""Checkpoints at Azure: deployed by their ids (`ftchkpt-…`), and gone with their job."""

from collections.abc import Mapping
from typing import Any

from app.backends.openai_wire.training.checkpoints import CheckpointsByName

CHECKPOINT = "ftchkpt-"


class AzureCheckpoints(CheckpointsByName):
    """To give a checkpoint as a model that Resource Manager deploys."""

    def name_of(self, body: Mapping[str, Any]) -> str:
        """Return the id, which is what a deployment names; a plane with other ids is taken at its word."""
        identifier = str(body["id"])
        return identifier if identifier.startswith(CHECKPOINT) else super().name_of(body)

    def checkpoints_stay(self) -> bool:
        """Return False: only the job can be removed, and its checkpoints with it."""
        return False
