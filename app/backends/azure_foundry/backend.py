"""The backend `azure_foundry`: everything that one connection to Azure AI Foundry can do, put together.

Each ability is a class of its own that has `azure` (the way to Azure), `cache` (a folder for what was looked up) and
`clock`; add it to the list of bases.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from app.backends.azure_foundry.catalog import Catalog
from app.backends.azure_foundry.chat import ChatsThere
from app.backends.azure_foundry.client import Azure, Times
from app.backends.azure_foundry.code import ShowsCodeThere
from app.backends.azure_foundry.discovery import DiscoversThere
from app.backends.azure_foundry.doctor.checks import ChecksThere
from app.backends.azure_foundry.errors import in_azure_words
from app.backends.azure_foundry.estimate import EstimatesThere
from app.backends.azure_foundry.jobs import Training, TrainsThere
from app.backends.azure_foundry.judging import JudgesThere
from app.backends.azure_foundry.logs import KeepsLogsThere
from app.backends.azure_foundry.lookups import RegistryCache
from app.backends.azure_foundry.making import MakesProjectsThere
from app.backends.azure_foundry.measures import MeasuresThere
from app.backends.azure_foundry.orphans import FindsOrphansThere
from app.backends.azure_foundry.prices import PricesThere
from app.backends.azure_foundry.quotas import QuotasThere
from app.backends.azure_foundry.removing import RemovesThere
from app.backends.azure_foundry.serving import DeploysThere
from app.backends.azure_foundry.settings import AzureSettings
from app.backends.azure_foundry.signing_in import SignsInThere
from app.kit.clock import Clock


class AzureFoundryBackend(
    RemovesThere,
    Catalog,
    TrainsThere,
    KeepsLogsThere,
    DeploysThere,
    ChatsThere,
    MeasuresThere,
    FindsOrphansThere,
    JudgesThere,
    EstimatesThere,
    PricesThere,
    QuotasThere,
    ShowsCodeThere,
    ChecksThere,
    SignsInThere,
    DiscoversThere,
    MakesProjectsThere,
):
    """Trains in a Foundry project. Keeps tokens and caches, no truth: another object finds everything again."""

    name = "azure_foundry"
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
            self.azure.go_on_as(earlier.azure)
        self.clock = clock
        self.cache = cache
        self.training = Training(self.azure, clock=clock, cache=cache)
        self.looked_up = RegistryCache(self.azure, cache, clock)

    @in_azure_words
    def check(self) -> None:
        """Return if a training could be submitted now: the packages are loaded, and the project answers.

        Raises:
            BackendError: with the reason.
        """
        self.azure.ready()
        self.training.looker.workspace.places()
