"""The log of a training, as Azure keeps it: text files that the run history names, on the project's own storage."""

from collections.abc import Sequence
from pathlib import Path

from app.backends.azure_foundry.training.history import details
from app.backends.azure_foundry.training.jobs import Training
from app.backends.azure_foundry.transport.client import Azure, Call
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.hosts import Audience
from app.backends.azure_foundry.transport.names import job_name
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import BackendError, KeepsLogs, NotFound, RemoteJob
from app.kit.whole_files import draft_of

# What people want to read first; other files follow in the order of their names.
_FIRST = ("user_logs/std_log.txt", "std_log.txt", "logs/azureml/70_driver_log.txt")
_TAIL = 128 * 1024  # bytes that are fetched for the last lines
_WHOLE = 32 * 2**20  # bytes of the file for downloading


class AzureLogs(KeepsLogs):
    """To show what a training printed."""

    azure: Azure
    workspace: Workspace
    cache: Path
    training: Training

    @translates_errors
    def log(self, job: RemoteJob, *, lines: int) -> Sequence[str]:
        """Return the last lines; nothing before the training began."""
        try:
            address = self._address(job)
        except NotFound:
            return ()
        if address is None or lines <= 0:
            return ()
        return self._fetch(address, f"bytes=-{_TAIL}").splitlines()[-lines:]

    @translates_errors
    def log_path(self, job: RemoteJob) -> Path | None:
        """Return the log as a file in the cache, its last 32 MB where it is longer; None where there is none."""
        path = self.cache / "azure-logs" / f"{job_name(job.id)}.log"
        try:
            address = self._address(job)
            if address is None:
                return None
            text = self._fetch(address, f"bytes=-{_WHOLE}")
        except BackendError:
            if path.is_file():
                return path  # what was fetched before is better than nothing
            raise
        path.parent.mkdir(parents=True, exist_ok=True)
        half = draft_of(path)
        half.write_text(text, encoding="utf-8")
        half.replace(path)
        return path

    def _address(self, job: RemoteJob) -> str | None:
        """Return where the training's own log is: a pipeline's is that of its steps, the one that failed first."""
        own = details(self.workspace, job.id).logs
        if not any(each in own for each in _FIRST):
            for step in self.training.observer.runs.steps(job.id):
                found = details(self.workspace, step).logs
                if any(each in found for each in _FIRST):
                    own = found
                    break
        name = next((each for each in _FIRST if each in own), next(iter(sorted(own)), None))
        return None if name is None else own[name]

    def _fetch(self, address: str, part: str) -> str:
        """Fetch the end of a file. The address itself is the permission, so no token is sent along."""
        headers = {"x-ms-range": part}
        return self.azure.send(Call("GET", address, headers=headers, audience=Audience.SIGNED, wants_json=False)).text
