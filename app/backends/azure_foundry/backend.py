"""The backend `azure_foundry`: everything that one connection to Azure AI Foundry can do, put together.

Each ability is a class of its own that has `azure` (the way to Azure), `workspace` (the project there), `cache` (a
folder for what was looked up) and `clock`; add it to the list of bases.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from app.backends.azure_foundry.account.discovery import AzureDiscovery
from app.backends.azure_foundry.account.prices import AzurePrices
from app.backends.azure_foundry.account.provisioning import AzureProvisioning
from app.backends.azure_foundry.account.quotas import AzureQuotas
from app.backends.azure_foundry.account.sign_in import AzureSignIn
from app.backends.azure_foundry.catalog.catalog import Catalog
from app.backends.azure_foundry.catalog.registry_cache import RegistryCache
from app.backends.azure_foundry.cleanup.cleanup import AzureRemoval
from app.backends.azure_foundry.cleanup.orphans import AzureOrphans
from app.backends.azure_foundry.doctor.checks import AzureDoctor
from app.backends.azure_foundry.profile import PROFILE
from app.backends.azure_foundry.serving.chat import AzureChat
from app.backends.azure_foundry.serving.deployments import AzureDeployments
from app.backends.azure_foundry.serving.evaluation import AzureEvaluation
from app.backends.azure_foundry.serving.usage_metrics import AzureUsageMetrics
from app.backends.azure_foundry.settings import AzureSettings
from app.backends.azure_foundry.training.code import AzureCode
from app.backends.azure_foundry.training.estimate import AzureEstimate
from app.backends.azure_foundry.training.jobs import AzureTraining, Training
from app.backends.azure_foundry.training.logs import AzureLogs
from app.backends.azure_foundry.transport.client import Azure, Times
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.workspace import Workspace
from app.kit.clock import Clock


class AzureFoundryBackend(
    AzureRemoval,
    Catalog,
    AzureTraining,
    AzureLogs,
    AzureDeployments,
    AzureChat,
    AzureUsageMetrics,
    AzureOrphans,
    AzureEvaluation,
    AzureEstimate,
    AzurePrices,
    AzureQuotas,
    AzureCode,
    AzureDoctor,
    AzureSignIn,
    AzureDiscovery,
    AzureProvisioning,
):
    """Trains in a Foundry project. Keeps tokens and caches, no truth: another object finds everything again."""

    profile = PROFILE
    # The longest call (20 s), the time that ARM may take to accept, the lag of its lists: docs/azure-client.md.
    acceptance_grace = timedelta(seconds=120)

    def __init__(
        self,
        settings: AzureSettings,
        secrets: Mapping[str, str],
        *,
        clock: Clock,
        cache: Path,
        installation: Callable[[], str] = lambda: "unnamed",
        times: Times | None = None,
        earlier: "AzureFoundryBackend | None" = None,
    ) -> None:
        """`earlier` is the same connection's backend before its settings changed."""
        self.azure = Azure(settings, secrets, installation=installation, clock=clock, times=times or Times())
        if earlier is not None:
            self.azure.adopt_sign_in(earlier.azure)
        self.clock = clock
        self.cache = cache
        self.workspace = Workspace(self.azure, cache)
        self.training = Training(self.workspace, clock=clock, cache=cache)
        self.looked_up = RegistryCache(self.azure, cache, clock)

    @translates_errors
    def check(self) -> None:
        """Return if a training could be submitted now: the packages are loaded, and the project answers this question.

        Raises:
            BackendError: with the reason.
        """
        self.azure.ready()
        self.workspace.look()
