"""The kinds of connections that lead to OpenAI, and to whoever else speaks its wire."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.backends.openai_wire.azure import settings as azure
from app.backends.openai_wire.azure.profile import MANAGER
from app.backends.openai_wire.azure.profile import PROFILE as AZURE
from app.backends.openai_wire.platform import settings as fields
from app.backends.openai_wire.platform.profile import PROFILE
from app.backends.openai_wire.platform.settings import PlatformSettings
from app.domain.backend import Backend
from app.domain.connection_kinds import ConnectionKind
from app.domain.errors import Problem
from app.domain.fields import ConnectionField
from app.kit.clock import Clock
from app.kit.outgoing import Outgoing

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


class OpenAIKind(ConnectionKind):
    """Makes backends from settings and secrets. `cache` is a folder for what was looked up."""

    profile = PROFILE
    summary = (
        "Any server that speaks OpenAI's fine-tuning API, by its base address; and OpenAI itself, which takes new "
        "trainings until 5 January 2027."
    )

    def __init__(self, *, clock: Clock, cache: Path, installation: Callable[[], str], outgoing: Outgoing) -> None:
        """`installation` returns the name that tells this installation's files from another's."""
        self._clock, self._cache, self._installation, self._outgoing = clock, cache, installation, outgoing

    @property
    def fields(self) -> Sequence[ConnectionField]:
        """What a connection asks for."""
        return fields.FIELDS

    def problems(
        self,
        settings: Mapping[str, str],
        others: Sequence[Mapping[str, str]],  # noqa: ARG002 -- each stands for itself
    ) -> Sequence[Problem]:
        """Return what is wrong with the settings as a whole."""
        return fields.problems(settings, self._outgoing)

    def open(
        self,
        settings: Mapping[str, str],
        secrets: Mapping[str, str],
        *,
        earlier: Backend | None = None,  # noqa: ARG002 -- nobody is signed in there
    ) -> Backend:
        """Return the backend; nothing is called before it is asked."""
        from app.backends.openai_wire.platform.backend import OpenAIBackend

        return OpenAIBackend(
            PlatformSettings.of(settings),
            secrets,
            clock=self._clock,
            cache=self._cache / "openai" / cache_name(settings),
            installation=self._installation,
            outgoing=self._outgoing,
        )


class AzureOpenAIKind(ConnectionKind):
    """Makes backends of Azure OpenAI. `manager` and `credential` are others than Azure's own in tests."""

    profile = AZURE
    summary = "GPT models and some open ones, tuned and deployed in your own Azure OpenAI or Foundry resource."

    def __init__(
        self,
        *,
        clock: Clock,
        cache: Path,
        installation: Callable[[], str],
        outgoing: Outgoing,
        manager: str = MANAGER,
        credential: "Callable[[], TokenCredential] | None" = None,
    ) -> None:
        """`cache` is a folder for what is served; `installation` tells this installation's files from another's."""
        self._clock, self._cache, self._installation, self._outgoing = clock, cache, installation, outgoing
        self._manager, self._credential = manager, credential

    @property
    def fields(self) -> Sequence[ConnectionField]:
        """What a connection asks for."""
        return azure.FIELDS

    def problems(
        self,
        settings: Mapping[str, str],
        others: Sequence[Mapping[str, str]],  # noqa: ARG002 -- each stands for itself
    ) -> Sequence[Problem]:
        """Return what is wrong with the settings as a whole."""
        return azure.problems(settings, self._outgoing)

    def open(
        self,
        settings: Mapping[str, str],
        secrets: Mapping[str, str],
        *,
        earlier: Backend | None = None,  # noqa: ARG002 -- azure-identity keeps its own sign-ins
    ) -> Backend:
        """Return the backend; nothing is called before it is asked."""
        from app.backends.openai_wire.azure.backend import AzureOpenAIBackend

        return AzureOpenAIBackend(
            azure.AzureSettings.of(settings),
            secrets,
            clock=self._clock,
            cache=self._cache / "azure_openai" / cache_name(settings),
            installation=self._installation,
            outgoing=self._outgoing,
            manager=self._manager,
            credential=self._credential,
        )


def cache_name(settings: Mapping[str, str]) -> str:
    """Return a folder's name for what these settings lead to."""
    given = "\n".join(f"{name}={settings[name]}" for name in sorted(settings))
    return hashlib.sha256(given.encode()).hexdigest()[:16]
