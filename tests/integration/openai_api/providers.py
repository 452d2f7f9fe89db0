"""Houses for the door below `/v1` with a provider's emulator behind: one connection each, and time in hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.domain.connections import Connection
from app.services import connections
from tests.support.app_context import TestHouse
from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.foundry import SERVERLESS, load_packages
from tests.support.azure.house import AzureHouse
from tests.support.azure.served import ServedCloud
from tests.support.openai_plane.azure import AzureScript
from tests.support.openai_plane.azure_bench import azure_house
from tests.support.openai_plane.house import WireHouse, openai_house
from tests.support.openai_plane.script import Script

_TRAIN_S = 200.0  # long enough to be paused in the middle


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A house with one connection; `turn` lets seconds pass, `accepted` counts the trainings that its provider took."""

    house: TestHouse
    connection: Connection
    base: str
    turn: Callable[[float], None]
    accepted: Callable[[], int]

    def allow(self) -> None:
        """Let programs begin there what takes money."""
        with self.house.open() as scope:
            connections.update(scope, self.connection.id, openai_spending=True)


@contextmanager
def _wire(house: WireHouse) -> Iterator[Provider]:
    yield Provider(
        house=house,
        connection=house.connection,
        base=f"wire/{house.base_model}",
        turn=lambda seconds: house.tick(every=seconds),
        accepted=lambda: len(house.plane.requests),
    )


@contextmanager
def openai_provider(folder: Path, _certificates: Certificates, _azurite: Azurite) -> Iterator[Provider]:
    """Give a house at OpenAI."""
    with openai_house(folder, Script(train_s=_TRAIN_S)) as house, _wire(house) as made:
        yield made


@contextmanager
def azure_openai_provider(folder: Path, _certificates: Certificates, _azurite: Azurite) -> Iterator[Provider]:
    """Give a house at Azure OpenAI."""
    with azure_house(folder, AzureScript(train_s=_TRAIN_S)) as house, _wire(house) as made:
        yield made


@contextmanager
def foundry_provider(folder: Path, certificates: Certificates, azurite: Azurite) -> Iterator[Provider]:
    """Give a house at Azure AI Foundry, over TLS, with Azurite under its files."""
    load_packages()
    with AzureCloud(certificates, folder, azurite=azurite) as cloud, cloud.entered():
        served = ServedCloud(cloud, cloud.clock)
        house = AzureHouse(folder / "house", served)
        house.clock.turn(cloud.clock.now() - house.clock.now())  # both show the same moment
        yield Provider(
            house=house,
            connection=house.connection,
            base=f"foundry/{SERVERLESS}",
            turn=house.tick,
            accepted=lambda: len(cloud.ledger.submitted()),
        )
        house.close()
        served.backend.azure.close()
    assert (cloud.refused, cloud.bugs) == ([], [])


PROVIDERS = {"openai": openai_provider, "azure_openai": azure_openai_provider, "azure_foundry": foundry_provider}
