"""The whole of backend `azure_openai`, as one class with its abilities."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from app.backends.openai_wire.azure.catalog import AzureCatalog, listed_at_azure
from app.backends.openai_wire.azure.checkpoints import AzureCheckpoints
from app.backends.openai_wire.azure.doctor import AzureDoctor
from app.backends.openai_wire.azure.evaluation import AzureEvaluation
from app.backends.openai_wire.azure.prices import AzurePrices
from app.backends.openai_wire.azure.profile import MANAGER, PROFILE
from app.backends.openai_wire.azure.settings import AzureSettings
from app.backends.openai_wire.azure.sign_in import PROJECT, RESOURCE, Tokens
from app.backends.openai_wire.azure.training import DIALECT, AzureTraining
from app.backends.openai_wire.catalog.lookup import ModelLookup
from app.backends.openai_wire.platform.backend import mark_of
from app.backends.openai_wire.serving.history import TellsPast
from app.backends.openai_wire.serving.served import Served
from app.backends.openai_wire.training.account import WireAccount
from app.backends.openai_wire.training.code import CodeServer, WireCode
from app.backends.openai_wire.training.jobs import Wire
from app.backends.openai_wire.training.orphans import WireOrphans
from app.backends.openai_wire.training.parts import AZURE_SIZES, PartedUploads
from app.backends.openai_wire.transport.plane import Plane
from app.kit.clock import Clock
from app.kit.outgoing import Outgoing

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

NAME = "Azure OpenAI"
_ARM, _RIGHTS = "2024-10-01", "2022-04-01"
_DATED, _DATED_CHAT = "2024-10-21", "2025-04-01-preview"


class AzureOpenAIBackend(
    AzureDoctor,
    AzureCatalog,
    AzureTraining,
    WireOrphans,
    WireAccount,
    AzureCheckpoints,
    AzureEvaluation,
    TellsPast,
    WireCode,
    AzurePrices,
):
    """Trains and deploys at Azure. Holds caches only: another object finds everything again."""

    profile = PROFILE

    def __init__(
        self,
        settings: AzureSettings,
        secrets: Mapping[str, str],
        *,
        clock: Clock,
        cache: Path,
        installation: Callable[[], str],
        outgoing: Outgoing,
        manager: str = MANAGER,
        credential: "Callable[[], TokenCredential] | None" = None,
    ) -> None:
        """`manager` is Resource Manager's address. Nothing is called."""
        self.settings = settings
        tokens = Tokens(settings, secrets, credential)

        def plane(base: str, scope: str, version: str = "") -> Plane:
            query = (("api-version", version),) if version else ()
            return Plane(base, name=NAME, headers=lambda: tokens.plane(scope), outgoing=outgoing, query=query)

        def manages(version: str) -> Plane:
            query = (("api-version", version),)
            return Plane(manager, name="Azure", headers=tokens.manager, outgoing=outgoing, query=query)

        first = plane(settings.base, PROJECT if settings.project_path else RESOURCE)
        # A job sent to the one may be listed at the other (azure-skills): an unknown outcome is looked up at both.
        others = [plane(settings.resource_base, RESOURCE)] if settings.project_path else []
        self.dated = plane(settings.dated_base(".openai.azure.com"), RESOURCE, _DATED)
        # Uploads in parts are on the dated plane alone; what comes of them is a file of the resource as any.
        parts = PartedUploads(self.dated, AZURE_SIZES, cache / "uploads")
        mark = mark_of(installation())
        self.wire = Wire(first, dialect=DIALECT, clock=clock, mark=mark, planes=(first, *others), parts=parts)
        self.oss = plane(settings.dated_base(".cognitiveservices.azure.com"), RESOURCE, _DATED_CHAT)
        self.lookup = ModelLookup(self.dated, clock, cache / "models.json", listed_at_azure)
        self.arm, self.rights = manages(_ARM), manages(_RIGHTS)
        self.cache = cache
        self.served = Served(cache / "served")

    @property
    def code_server(self) -> CodeServer:
        """What the code says of the server: v1's plane takes a resource's key, and a token of Entra in its stead."""
        after = "Azure answers only once the model is deployed, which is a call of Resource Manager: TuneDesk does it."
        return CodeServer(key="AZURE_OPENAI_API_KEY", after=after)
