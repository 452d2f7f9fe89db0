"""The whole of backend `openai`, as one class with its abilities."""

from collections.abc import Callable, Mapping
from pathlib import Path

from app.backends.openai_wire.catalog.lookup import ModelLookup
from app.backends.openai_wire.platform.catalog import PlatformCatalog
from app.backends.openai_wire.platform.doctor import PlatformDoctor
from app.backends.openai_wire.platform.estimate import PlatformEstimate
from app.backends.openai_wire.platform.profile import PROFILE
from app.backends.openai_wire.platform.settings import PlatformSettings
from app.backends.openai_wire.serving.by_name import ServesByName
from app.backends.openai_wire.serving.evaluation import EvaluatesByName
from app.backends.openai_wire.serving.history import TellsPast
from app.backends.openai_wire.serving.served import Served
from app.backends.openai_wire.training.account import WireAccount
from app.backends.openai_wire.training.checkpoints import CheckpointsByName
from app.backends.openai_wire.training.code import CodeServer, WireCode
from app.backends.openai_wire.training.jobs import Dialect, Wire, WireTraining
from app.backends.openai_wire.training.orphans import WireOrphans
from app.backends.openai_wire.training.parts import PartedUploads, Sizes
from app.backends.openai_wire.transport.plane import Plane
from app.kit.clock import Clock
from app.kit.outgoing import Outgoing


class OpenAIBackend(
    PlatformDoctor,
    PlatformCatalog,
    WireTraining,
    WireOrphans,
    WireAccount,
    CheckpointsByName,
    ServesByName,
    EvaluatesByName,
    TellsPast,
    WireCode,
    PlatformEstimate,
):
    """Trains and answers over the wire. Holds caches only: another object finds everything again."""

    profile = PROFILE

    def __init__(
        self,
        settings: PlatformSettings,
        secrets: Mapping[str, str],
        *,
        clock: Clock,
        cache: Path,
        installation: Callable[[], str],
        outgoing: Outgoing,
    ) -> None:
        """`cache` is a folder of this connection's own. Nothing is called."""
        self.settings = settings
        headers = {"authorization": f"Bearer {secrets.get('api_key', '')}"}
        named = {"openai-organization": settings.organization, "openai-project": settings.project}
        headers |= {name: value for name, value in named.items() if value}
        plane = Plane(settings.base_url, name=settings.name, headers=lambda: headers, outgoing=outgoing)
        parts = PartedUploads(plane, Sizes(), cache / "uploads")
        self.wire = Wire(plane, dialect=Dialect(), clock=clock, mark=mark_of(installation()), parts=parts)
        self.lookup = ModelLookup(plane, clock, cache / "models.json")
        self.cache = cache
        self.served = Served(cache / "served")

    @property
    def code_server(self) -> CodeServer:
        """What the code says of the server."""
        named = {"organization": self.settings.organization, "project": self.settings.project}
        return CodeServer(key="OPENAI_API_KEY", headers={name: value for name, value in named.items() if value})


def mark_of(installation: str) -> str:
    """Return an installation's name as a part of a file's name."""
    return "".join(each for each in installation.lower() if each.isascii() and each.isalnum())[:16] or "unnamed"
