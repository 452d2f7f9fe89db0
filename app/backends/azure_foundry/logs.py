"""The log of a training, as Azure keeps it: text files that the run history names."""
# ruff: noqa: ARG002 -- the parts are being put in

from collections.abc import Sequence
from pathlib import Path

from app.backends.azure_foundry.client import Azure
from app.domain.backend import RemoteJob


class KeepsLogsThere:
    """To show what a training printed."""

    azure: Azure
    cache: Path

    def log(self, job: RemoteJob, *, lines: int) -> Sequence[str]:
        return ()

    def log_path(self, job: RemoteJob) -> Path | None:
        return None
