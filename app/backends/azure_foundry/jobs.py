"""Training at Azure: data up, one submit per job, look-up by name, looks, cancel."""
# ruff: noqa: ARG002 -- the parts are being put in

from pathlib import Path

from app.backends.azure_foundry.client import Azure
from app.domain.backend import JobObservation, RemoteFile, RemoteJob, TrainingRequest, Unsupported


class TrainsThere:
    """The least that a backend can do, in a Foundry project."""

    azure: Azure

    def upload(self, path: Path, *, tag: str) -> RemoteFile:
        raise Unsupported("Not built yet.")

    def file(self, file: RemoteFile) -> RemoteFile:
        raise Unsupported("Not built yet.")

    def submit(self, request: TrainingRequest) -> RemoteJob:
        raise Unsupported("Not built yet.")

    def find(self, tag: str) -> RemoteJob | None:
        raise Unsupported("Not built yet.")

    def observe(self, job: RemoteJob, *, since: str | None) -> JobObservation:
        raise Unsupported("Not built yet.")

    def cancel(self, job: RemoteJob) -> None:
        raise Unsupported("Not built yet.")

    def discard_file(self, file: RemoteFile) -> None:
        raise Unsupported("Not built yet.")

    def discard_model(self, model: str) -> str | None:
        raise Unsupported("Not built yet.")
