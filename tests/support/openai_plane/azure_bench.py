"""Backend `azure_openai` against the emulated planes, for the contract suite and for whole houses."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken

from app.backends.openai_wire.azure.backend import AzureOpenAIBackend
from app.backends.openai_wire.azure.settings import AzureSettings
from app.backends.openai_wire.kinds import AzureOpenAIKind
from tests.contract.bench import Bench
from tests.support.clock import TurnedClock
from tests.support.openai_plane.azure import TOKEN, AzurePlane, AzureScript
from tests.support.openai_plane.house import WireHouse
from tests.support.openai_plane.server import serving
from tests.support.openai_plane.tls import Names, manager_of, names
from tests.support.rehearsed import LABELS, rows_file

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


class GivenToken:
    """A credential that needs no sign-in."""

    def get_token(self, *_scopes: str, **_more: Any) -> AccessToken:  # noqa: ANN401 -- azure-core's protocol
        return AccessToken(TOKEN, 2**40)


def settings_for(base: str) -> dict[str, str]:
    """Return the settings of a connection to the planes behind a base address."""
    parts = urlsplit(base)
    return {
        "endpoint": f"{parts.scheme}://{parts.netloc}",
        "sign_in": "default",
        "subscription_id": "00000000-0000-0000-0000-000000000001",
        "resource_group": "rg",
        "account": "res",
        "region": "swedencentral",
    }


def credential() -> "TokenCredential":
    """Return the credential of tests."""
    return GivenToken()


class AzureOpenAIBench(Bench):
    """The planes' time is in the test's hand."""

    base_model = "gpt-4.1-mini-2025-04-14"
    labels = LABELS

    def __init__(self, base: str, plane: AzurePlane, clock: TurnedClock, folder: Path, names: Names) -> None:
        self.base, self.plane, self.clock, self.folder, self.names = base, plane, clock, folder, names
        self.backend: AzureOpenAIBackend = self.reopen()
        self.training_rows, self.validation_rows = folder / "training.jsonl", folder / "validation.jsonl"
        self.training_rows.write_bytes(rows_file(30))
        self.validation_rows.write_bytes(rows_file(12))

    def request(self, tag: str) -> Any:  # noqa: ANN401 -- as the base's
        made = super().request(tag)
        files = [file for file in (made.training_file, made.validation_file) if file is not None]
        for file in files:
            self.until(lambda each=file: self.backend.file(each), lambda seen: bool(seen.ready))  # type: ignore[misc]
        return made

    def pass_time(self) -> None:
        self.clock.turn(timedelta(seconds=1))

    def reopen(self) -> AzureOpenAIBackend:
        return AzureOpenAIBackend(
            AzureSettings.of(settings_for(self.base)),
            {},
            clock=self.clock,
            cache=self.folder / "cache",
            installation=lambda: "here",
            outgoing=self.names.outgoing(self.base),
            manager=manager_of(self.base),
            credential=credential,
        )


@contextmanager
def azure_bench(folder: Path, script: AzureScript | None = None) -> Iterator[AzureOpenAIBench]:
    """Give a bench at planes of its own, over TLS under the real hosts' names."""
    clock, pki = TurnedClock(), names(folder)
    plane = AzurePlane(clock, script)
    with serving(plane, pki.server) as base:
        yield AzureOpenAIBench(base, plane, clock, folder, pki)


@contextmanager
def azure_house(folder: Path, script: AzureScript) -> Iterator[WireHouse]:
    """Give a house connected to Azure's planes, over TLS under the real hosts' names."""
    clock, pki = TurnedClock(), names(folder)
    plane = AzurePlane(clock, script)
    with serving(plane, pki.server) as base:
        kind = AzureOpenAIKind(
            clock=clock,
            cache=folder / "cache",
            installation=lambda: "here",
            outgoing=pki.outgoing(base),
            manager=manager_of(base),
            credential=credential,
        )
        house = WireHouse(folder, plane, clock, kind)
        house.connect(settings_for(base), {})
        yield house
        house.close()
