"""The backend `azure_foundry`: everything that one connection to Azure AI Foundry can do, put together."""
# ruff: noqa: ARG002 -- the parts are being put in

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from app.backends.azure_foundry.client import Azure
from app.backends.azure_foundry.settings import AzureSettings
from app.domain.backend import JobObservation, RemoteFile, RemoteJob, TrainingRequest, Unsupported
from app.domain.catalog import CatalogModel
from app.kit.clock import Clock


class AzureFoundryBackend:
    """Trains in a Foundry project. Keeps tokens and caches, no truth: another object finds everything again."""

    name = "azure_foundry"
    # Longest client deadline (20 s), the time ARM may take to accept, and the lag of its lists; see docs/azure.md.
    acceptance_grace = timedelta(seconds=120)

    def __init__(self, settings: AzureSettings, secrets: Mapping[str, str], *, clock: Clock, cache: Path) -> None:
        self.azure = Azure(settings, secrets, prompt=lambda _address, _code, _expires: None)
        self._clock = clock
        self._cache = cache

    def check(self) -> None:
        raise Unsupported("Not built yet.")

    def base_models(self) -> Sequence[CatalogModel]:
        return ()

    def base_model(self, identifier: str) -> CatalogModel:
        raise Unsupported("Not built yet.")

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

    def discard_model(self, model: str) -> None:
        raise Unsupported("Not built yet.")
