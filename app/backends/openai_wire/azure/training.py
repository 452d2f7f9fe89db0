"""Training at Azure: what differs from the wire everywhere else, and how a tuned model is removed."""

from collections.abc import Mapping
from typing import Any

from app.backends.openai_wire.azure.catalog import GLOBAL, STANDARD, TRAINING_TYPE, row_of, training_types
from app.backends.openai_wire.azure.checkpoints import CHECKPOINT
from app.backends.openai_wire.azure.settings import AzureSettings
from app.backends.openai_wire.training.files import listed
from app.backends.openai_wire.training.jobs import JOBS, Dialect, WireTraining
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import NotFound, Rejected, TrainingRequest

# Jobs are found by the file that only they train on: v1's list knows no filter by metadata. A create before its file
# is processed fails. `estimated_finish` is a day ahead from the start, whatever comes. 18 characters of a suffix are
# taken everywhere.
DIALECT = Dialect(metadata_filter=False, waits_for_files=True, estimates=False, suffix_chars=18)
_IN_PORTAL = "Azure has no way to remove a tuned model from here: remove it in the portal. Keeping it costs nothing."
_WITH_ITS_JOB = "The checkpoint stays at Azure until its job goes; keeping it costs nothing."


class AzureTraining(WireTraining):
    """To train at Azure."""

    settings: AzureSettings
    dated: Plane

    def further(self, request: TrainingRequest) -> Mapping[str, Any]:
        """Return the kind of training, which no specification has and without which every region but a few refuses."""
        row = row_of(request.base_model)
        kinds = training_types(row, self.settings.region) if row is not None else ()
        usual = GLOBAL if GLOBAL in kinds or not kinds else STANDARD
        return {"trainingType": str(request.options.get(TRAINING_TYPE) or usual)}

    def discard_model(self, model: str) -> str | None:
        """Remove a tuned model with its job, which only the dated plane can; deployments of it are gone by then."""
        if model.startswith(CHECKPOINT):
            return _WITH_ITS_JOB
        jobs = (each for plane in self.wire.planes for each in listed(plane, JOBS))
        job = next((each for each in jobs if each.get("fine_tuned_model") == model), None)
        if job is None:
            return None
        try:
            self.dated.delete(f"{JOBS}/{job['id']}")
        except NotFound:
            return None
        except Rejected as error:
            return f"{_IN_PORTAL} ({error.detail})"
        return None
