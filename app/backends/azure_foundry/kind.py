"""The kind of connection that leads to Azure AI Foundry."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.backends.azure_foundry import settings as fields
from app.backends.azure_foundry.account.steps import CREATIONS, STEPS
from app.backends.azure_foundry.profile import PROFILE
from app.backends.azure_foundry.settings import AzureSettings
from app.domain.backend import Backend
from app.domain.connection_kinds import ConnectionKind
from app.domain.errors import Problem
from app.domain.fields import ConnectionField
from app.kit.clock import Clock


class AzureFoundryKind(ConnectionKind):
    """Makes backends from settings and secrets. `cache` is a folder for what was looked up (the catalog)."""

    profile = PROFILE
    steps = STEPS
    creations = CREATIONS
    summary = "Phi and other models, fine-tuned in your own subscription: serverless or on managed compute."

    def __init__(self, *, clock: Clock, cache: Path, installation: Callable[[], str] = lambda: "unnamed") -> None:
        """`installation` returns the name that tells this installation's remote things from another's."""
        self._clock = clock
        self._installation = installation
        self._cache = cache

    @property
    def fields(self) -> Sequence[ConnectionField]:
        """What a connection asks for."""
        return fields.FIELDS

    def problems(self, settings: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> Sequence[Problem]:
        """Return what is wrong with the settings as a whole."""
        return fields.problems(settings, others)

    def open(
        self, settings: Mapping[str, str], secrets: Mapping[str, str], *, earlier: Backend | None = None
    ) -> Backend:
        """Return the backend, loaded with the first connection; the Azure packages are imported when it calls out."""
        from app.backends.azure_foundry.backend import AzureFoundryBackend

        return AzureFoundryBackend(
            AzureSettings.of(settings),
            secrets,
            clock=self._clock,
            cache=self._cache,
            installation=self._installation,
            earlier=earlier if isinstance(earlier, AzureFoundryBackend) else None,
        )
