"""A cloud that is asked without a network, and of whose answers one kind is changed on the way."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.settings import AzureSettings
from app.backends.azure_foundry.training.jobs import Training
from app.backends.azure_foundry.transport.client import Call
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import DeploymentRequest, Unavailable
from app.domain.deployments import DeploymentStatus
from benchmarks.azure_sweep import put_jobs
from tests.support.azure.certificates import Certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.direct import DirectAzure, Reported
from tests.support.azure.roles import READER
from tests.support.azure.served import INSTALLATION, MANAGED, ServedCloud, connection_settings
from tests.support.azure.state import SUBSCRIPTION
from tests.support.azure.wire import AnyJson, Reply
from tests.support.clock import TurnedClock

PARTNER = "serverless:azureml-mistral/Ministral-3B"


class ChangedAzure(DirectAzure):
    """A cloud that is asked without a network, and one kind of whose answers is changed on the way."""

    where: re.Pattern[str] | None = None
    change: Callable[[AnyJson], AnyJson] = staticmethod(lambda body: body)
    seen: AnyJson = None  # the last answer of that kind, as it was

    def _ask(self, call: Call, headers: Mapping[str, str]) -> Reported:
        answer = super()._ask(call, headers)
        if self.where is None or not self.where.search(f"{call.method} {call.url}") or answer.status_code >= 400:
            return answer
        self.seen = answer.json() if answer.content else None
        return Reported(Reply(answer.status_code, self.change(self.seen), dict(answer.headers), answer.content_type))


@dataclass
class Field:
    """A cloud with something of each kind in it, and a backend over it."""

    served: ServedCloud
    job: str

    @property
    def backend(self) -> AzureFoundryBackend:
        return self.served.backend

    @property
    def azure(self) -> ChangedAzure:
        assert isinstance(self.backend.azure, ChangedAzure)
        return self.backend.azure

    def anew(self, where: str = "", change: Callable[[AnyJson], AnyJson] | None = None) -> None:
        """Take a backend that knows nothing yet, and change the answers to what matches `where`."""
        for each in self.served.cloud.folder.glob("cache/azure-*.json"):
            each.unlink()
        self.served.backend = self.served.made()
        self.azure.where = re.compile(where) if where else None
        if change is not None:
            self.azure.change = change

    def plant(self) -> None:
        """Make the marketplace subscription and its endpoint again, if they were given back."""
        self.anew()
        request = DeploymentRequest(tag="three", base_model=PARTNER, model=None, name="three")
        for _ in range(4):
            with suppress(Unavailable):
                self.backend.deploy(request)
            self.served.cloud.operations.finish_all()

    def facts(self) -> Facts:
        return Facts(self.azure, self.backend.clock, model=None)


class DirectlyServed(ServedCloud):
    """A cloud asked without a network."""

    def made(self, *, installation: str = INSTALLATION) -> AzureFoundryBackend:
        wanted = AzureSettings(**connection_settings(self.cloud.seed.app.app_id))  # type: ignore[arg-type]
        backend = AzureFoundryBackend(wanted, {}, clock=self.clock, cache=self.cloud.folder / "cache")
        backend.azure = ChangedAzure(wanted, self.cloud, installation)
        backend.workspace = Workspace(backend.azure)
        backend.training = Training(backend.workspace, clock=self.clock, cache=self.cloud.folder / "cache")
        return backend


@contextmanager
def changed_field(certificates: Certificates, folder: Path) -> Iterator[Field]:
    """Give a cloud with a job, a model, rows, and three deployments that are ready."""
    with AzureCloud(certificates, folder) as cloud:
        cloud.seed.grant(READER, scope=f"/subscriptions/{SUBSCRIPTION}")
        served = DirectlyServed(cloud, TurnedClock())
        (job,) = put_jobs(cloud, 1, INSTALLATION)
        served.model("mine"), served.data("rows")
        for tag, base in (
            ("one", "serverless:azureml/Phi-4-mini-instruct"),
            ("two", f"{MANAGED}:13"),
            ("three", PARTNER),
        ):
            request = DeploymentRequest(tag=tag, base_model=base, model=None, name=tag)
            for _ in range(9):
                with suppress(Unavailable):
                    served.backend.deploy(request)
                cloud.operations.finish_all()
                cloud.clock.turn(5)
                served.backend.observe_deployment(tag)
        assert {tag: served.backend.observe_deployment(tag).status for tag in ("one", "two", "three")} == dict.fromkeys(
            ("one", "two", "three"), DeploymentStatus.READY
        )
        yield Field(served, job)
    assert cloud.bugs == []
