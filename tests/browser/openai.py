"""What the browser's tests of OpenAI's wire share: an installation with emulated planes behind it, by TLS."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from app.backends.openai_wire.kinds import AzureOpenAIKind, OpenAIKind
from app.backends.registry import REGISTRY, Registry
from app.domain.connection_kinds import ConnectionKind
from app.main import create_app
from app.settings import Settings
from tests.support.azure.clock import CloudClock
from tests.support.openai_plane.azure import AzurePlane
from tests.support.openai_plane.azure_bench import credential
from tests.support.openai_plane.plane import Plane
from tests.support.openai_plane.server import serving
from tests.support.openai_plane.tls import Names, manager_of, names
from tests.support.server import serving as serving_pages

SPEED = 12.0  # of the planes' clock and the installation's: a provider's minutes are seconds here


@dataclass
class WireInstallation:
    """An installation in this process, and a plane that can die and come back; `url` is where its pages are."""

    plane: Plane
    pki: Names
    base: str = ""
    url: str = ""
    _served: ExitStack = field(default_factory=ExitStack, repr=False)

    def script(self, **changes: object) -> None:
        """Let the plane behave otherwise from now on."""
        self.plane.script = replace(self.plane.script, **changes)  # type: ignore[arg-type]  # of several types
        if isinstance(self.plane, AzurePlane):
            self.plane.azure = self.plane.script  # type: ignore[assignment]  # it is one of Azure's

    def die(self) -> None:
        """Let the plane answer nobody any more."""
        self._served.close()

    def live(self) -> None:
        """Let the plane answer, at the address that it had."""
        port = urlsplit(self.base).port or 0
        self.base = self._served.enter_context(serving(self.plane, self.pki.server, port=port))


@contextmanager
def wire_installation(folder: Path, make: type[Plane], script: object) -> Iterator[WireInstallation]:
    """Give an installation that serves, with a plane of a kind that behaves as its script says."""
    clock = CloudClock(speed=SPEED)
    here = WireInstallation(make(clock, script), names(folder))  # type: ignore[arg-type]  # the plane's own script
    here.live()
    outgoing = here.pki.outgoing(here.base)

    def openai(*_: object) -> ConnectionKind:
        return OpenAIKind(clock=clock, cache=folder / "cache", installation=lambda: "here", outgoing=outgoing)

    def azure(*_: object) -> ConnectionKind:
        return AzureOpenAIKind(
            clock=clock,
            cache=folder / "cache",
            installation=lambda: "here",
            outgoing=outgoing,
            manager=manager_of(here.base),
            credential=credential,
        )

    settings = Settings(
        data_dir=folder / "data",
        runtimes_dir=folder / "runtimes",
        secret_key_file=folder / "key",
        runtime_autoinstall=False,
        disk_reserve_mb=0,
        port=0,
        engine_interval_s=0.2,
    )
    app = create_app(settings, clock=clock, registry=Registry(backends=REGISTRY.backends, kinds=(openai, azure)))
    with serving_pages(app) as here.url:
        yield here
    here.die()
