"""Checkpoints as models of their own: the provider keeps a name for each, and nothing has to be made."""

from collections.abc import Mapping
from typing import Any

from app.backends.openai_wire.training.files import listed
from app.backends.openai_wire.training.jobs import JOBS, Wire
from app.domain.backend import NotFound, RemoteJob
from app.domain.backend_abilities import OffersCheckpoints


class CheckpointsByName(OffersCheckpoints):
    """To give a checkpoint as a model by the name that the provider has for it."""

    wire: Wire

    def model_from_checkpoint(self, job: RemoteJob, checkpoint: str) -> str:
        """Return the checkpoint's name as a model, if the provider still has it."""
        for body in listed(self.wire.plane, f"{JOBS}/{job.id}/checkpoints"):
            if body.get("fine_tuned_model_checkpoint") == checkpoint:
                return self.name_of(body)
        raise NotFound(f"{self.wire.plane.name} has this checkpoint no more.", fix="Choose another one, or the result.")

    def name_of(self, body: Mapping[str, Any]) -> str:
        """Return how a checkpoint is asked for, or deployed."""
        return str(body["fine_tuned_model_checkpoint"])

    def checkpoints_stay(self) -> bool:
        """Return True: every model there is removed by its own name."""
        return True
