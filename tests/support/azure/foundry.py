"""Our backend over a cloud, as one connection has it: the same clock, a cache of its own."""

from pathlib import Path
from typing import Any

from app.backends.azure_foundry.account.steps import CREATIONS, STEPS
from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.settings import AzureSettings, SignIn
from app.backends.azure_foundry.transport.client import Times
from app.domain.backend import Backend, TrainingRequest
from app.kit.installation import installation_name
from tests.contract.bench import Bench
from tests.support.app_context import chats
from tests.support.azure import sdk
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.roles import CONTRIBUTOR
from tests.support.azure.seed import GROUP, LOCATION, PROJECT, SECRET
from tests.support.azure.state import SUBSCRIPTION, TENANT

SERVERLESS = "serverless:azureml/Phi-4-mini-instruct"
MANAGED = "managed:azureml/Phi-3-mini-4k-instruct"
LABELS = ("account", "billing", "delivery")
QUESTION = "ticket {n}: what is it about?"
_STEP_S = 40.0
# As in a server, but for a machine on which many tests run at once; and for tests of what hangs.
SLOW = Times(read_s=30.0, deadline_s=60.0, loading_s=240.0)
QUICK = Times(connect_s=5.0, read_s=1.0, deadline_s=15.0, loading_s=240.0)


def connection(cloud: AzureCloud) -> dict[str, str]:
    """Return the settings of a connection to the seeded project by the seeded app's secret."""
    return {
        "credential": SignIn.CLIENT_SECRET.value,
        "tenant_id": TENANT,
        "client_id": cloud.seed.app.app_id,
        "subscription_id": SUBSCRIPTION,
        "resource_group": GROUP,
        "workspace": PROJECT,
        "region": LOCATION,
    }


def backend_over(
    cloud: AzureCloud, folder: Path, *, secrets: dict[str, str] | None = None, times: Times = SLOW, **changes: str
) -> AzureFoundryBackend:
    """Return a backend as a process finds it that starts now."""
    settings = AzureSettings.of({**connection(cloud), **changes})
    known = {"client_secret": SECRET} if secrets is None else secrets
    return AzureFoundryBackend(
        settings,
        known,
        clock=cloud.clock,
        cache=folder / "cache",
        installation=lambda: installation_name(folder),
        times=times,
    )


class AzureBench(Bench):
    """A cloud and a backend over it; time passes by the cloud's clock."""

    base_model = SERVERLESS
    labels = LABELS
    steps = STEPS
    creations = CREATIONS

    def __init__(self, cloud: AzureCloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self._opened: list[AzureFoundryBackend] = []
        self.backend: AzureFoundryBackend = self.reopen()
        self.training_rows = folder / "training.jsonl"
        self.validation_rows = folder / "validation.jsonl"
        self.training_rows.write_bytes(chats(30, LABELS, QUESTION))
        self.validation_rows.write_bytes(chats(12, LABELS, QUESTION))

    def pass_time(self) -> None:
        self.cloud.clock.turn(_STEP_S)

    def grant(self) -> None:
        self.cloud.seed.grant(CONTRIBUTOR)

    def reopen(self) -> AzureFoundryBackend:
        made = backend_over(self.cloud, self.folder)
        self._opened.append(made)
        return made

    def close(self) -> None:
        """Close every connection that was opened."""
        for backend in self._opened:
            backend.azure.close()

    def managed(self, tag: str, **options: Any) -> TrainingRequest:  # noqa: ANN401 -- options are of any kind
        """Return a training of the lesson's model on managed compute."""
        whole = {"instance_type": "Standard_NC24ads_A100_v4", **options}
        request = self.request(tag)
        fields = {name: getattr(request, name) for name in request.__slots__}
        return TrainingRequest(**{**fields, "base_model": MANAGED, "options": whole})


def as_backend(bench: AzureBench) -> Backend:
    """Return the bench's backend as the protocol that it keeps; mypy looks whether it does."""
    return bench.backend


def load_packages() -> None:
    """Import azure-ai-ml once, before anything is timed: on a busy machine that takes longer than a call may."""
    assert sdk.MLClient is not None
