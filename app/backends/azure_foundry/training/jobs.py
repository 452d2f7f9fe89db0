"""Training at Azure: data up, one submit per job, look-up by name, looks, cancel."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.versions import Versions
from app.backends.azure_foundry.training import made_models
from app.backends.azure_foundry.training.job_list_cache import word_of
from app.backends.azure_foundry.training.job_observer import JobObserver
from app.backends.azure_foundry.training.states import status_of
from app.backends.azure_foundry.training.submission import build, put
from app.backends.azure_foundry.training.uploads import Uploads
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import Conflicted, translates_errors
from app.backends.azure_foundry.transport.names import TAG, job_name, tags_of
from app.backends.azure_foundry.transport.workspace import PREVIEW, Workspace
from app.domain.backend import (
    Backend,
    BackendError,
    JobObservation,
    NotFound,
    Rejected,
    RemoteFile,
    RemoteJob,
    TrainingRequest,
)
from app.domain.backend_abilities import KnownJob, ModelCandidate, NamesCandidates, PollsInBatch
from app.domain.jobs import JobStatus
from app.kit.clock import Clock


class Training:
    """What training at Azure needs beside the connection's client; caches, no truth."""

    def __init__(self, workspace: Workspace, *, clock: Clock, cache: Path) -> None:
        self.uploads = Uploads(workspace)
        self.observer = JobObserver(workspace, clock)
        self.versions = Versions(workspace.azure, clock, cache)


class AzureTraining(PollsInBatch, NamesCandidates, Backend):
    """The least that a backend can do, in a Foundry project."""

    azure: Azure
    workspace: Workspace
    training: Training

    @translates_errors
    def upload(self, path: Path, *, tag: str) -> RemoteFile:
        """Bring rows up as a data asset named by their content; a large file is not ready at once."""
        return self.training.uploads.upload(path, tag=tag)

    @translates_errors
    def file(self, file: RemoteFile) -> RemoteFile:
        """Return the file's present state."""
        return self.training.uploads.observe(file)

    @translates_errors
    def submit(self, request: TrainingRequest) -> RemoteJob:
        """Send the job once, under the name that our id gives it; what is there under that name is the job.

        Raises:
            OutcomeUnknown: when it may or may not have been accepted.
        """
        known = self.find(request.tag)
        if known is not None:
            return known
        azure = self.azure
        azure.ready()
        model = self._pinned(ModelId.parse(request.base_model))
        rows = {"training": self.training.uploads.arm_id(request.training_file)}
        if request.validation_file is not None:
            rows["validation"] = self.training.uploads.arm_id(request.validation_file)
        job = azure.in_time(lambda: build(azure, request, model, rows))
        try:
            azure.in_time(lambda: put(azure, job), submitting=True)
        except (Conflicted, Rejected):
            # Somebody was faster under this very name: an earlier try of ours that nobody heard of.
            known = self.find(request.tag)
            if known is None:
                raise
            return known
        return RemoteJob(job_name(request.tag))

    @translates_errors
    def find(self, tag: str) -> RemoteJob | None:
        """Return the job that was submitted under `tag`, if there is one.

        Raises:
            Rejected: something that is not ours has the name.
        """
        try:
            body = self.training.observer.jobs.read(job_name(tag))
        except NotFound:
            return None
        if tags_of(body).get(TAG) != tag:
            raise Rejected(
                f"The project has a job {job_name(tag)} that TuneDesk did not make.", fix="Clone the job and submit it."
            )
        return RemoteJob(job_name(tag))

    @translates_errors
    def observe(self, job: RemoteJob, *, since: str | None) -> JobObservation:
        """Look at a job; `since` is the cursor of the last look."""
        return self.training.observer.observe(job.id, since)

    def unchanged(self, known: Sequence[KnownJob]) -> Mapping[str, timedelta | None]:
        """Return those of which the last list of the project's jobs has nothing new."""
        return self.training.observer.unchanged(known)

    @translates_errors
    def model_candidates(self, job: RemoteJob) -> Sequence[ModelCandidate]:
        """Return the versions that a job may have made, each with why."""
        found = made_models.candidates(self.workspace, self.training.observer.jobs.read(job.id))
        return [
            ModelCandidate(
                name=each.address,
                created_at=each.created,
                reason=made_models.REASONS[each.evidence],
                sure=each.is_sure,
                description=each.description,
            )
            for each in found
        ]

    @translates_errors
    def cancel(self, job: RemoteJob) -> None:
        """Ask the job to stop, if it is ours and has not ended."""
        body = self.training.observer.jobs.read(job.id)
        status = status_of(word_of(body))
        if TAG not in tags_of(body):
            raise Rejected(f"The job {job.id} was not made by TuneDesk.", fix="Cancel it in the portal.")
        if status.is_final or status is JobStatus.CANCELLING:
            return
        try:
            self.workspace.post(f"jobs/{job.id}/cancel", api_version=PREVIEW)
        except Rejected:
            if not status_of(word_of(self.training.observer.jobs.read(job.id))).is_final:  # it may have ended meanwhile
                raise
        finally:
            self.training.observer.jobs.changed(job.id)

    def newest_version(self, model: ModelId) -> str | None:
        """Return the version that the catalog would name; the catalog's class says which."""
        return model.version

    def _pinned(self, model: ModelId) -> ModelId:
        """Return the model with a version: the registry's newest, or the last known for a model that it lists no more,
        and while it cannot be asked.
        """
        try:
            return self.training.versions.pinned(model)
        except BackendError:
            known = self.newest_version(model)
            if known is None:
                raise
            return replace(model, version=known)
