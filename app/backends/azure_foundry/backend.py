"""The backend `azure_foundry`: everything that one connection to Azure AI Foundry can do, put together.

Each ability is a class of its own that has `azure` (the way to Azure), `cache` (a folder for what was looked up) and
`clock`; add it to the list of bases.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from app.backends.azure_foundry.catalog import Catalog
from app.backends.azure_foundry.client import Azure
from app.backends.azure_foundry.estimate import EstimatesThere
from app.backends.azure_foundry.jobs import TrainsThere
from app.backends.azure_foundry.logs import KeepsLogsThere
from app.backends.azure_foundry.lookups import RegistryCache
from app.backends.azure_foundry.prices import PricesThere
from app.backends.azure_foundry.quotas import QuotasThere
from app.backends.azure_foundry.settings import AzureSettings
from app.domain.backend import Unsupported
from app.kit.clock import Clock


class AzureFoundryBackend(TrainsThere, KeepsLogsThere, Catalog, EstimatesThere, PricesThere, QuotasThere):
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
    ) -> None:
        self.azure = Azure(settings, secrets, prompt=lambda _address, _code, _expires: None, installation=installation)
        self.clock = clock
        self.cache = cache
        self.looked_up = RegistryCache(self.azure, cache, clock)

    def check(self) -> None:
        raise Unsupported("Not built yet.")
