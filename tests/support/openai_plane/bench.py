"""Backend `openai` against the emulated plane, as the contract suite wants it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from app.backends.openai_wire.platform.backend import OpenAIBackend
from app.backends.openai_wire.platform.settings import PlatformSettings
from app.kit.addresses import AddressPolicy
from app.kit.outgoing import Outgoing
from tests.contract.bench import Bench
from tests.support.clock import TurnedClock
from tests.support.openai_plane.plane import KEY, Plane
from tests.support.rehearsed import LABELS, rows_file

OUTGOING = Outgoing(AddressPolicy(loopback=True))


class OpenAIBench(Bench):
    """The plane's time is in the test's hand."""

    base_model = "gpt-4.1-mini-2025-04-14"
    labels = LABELS

    def __init__(self, base: str, plane: Plane, clock: TurnedClock, folder: Path) -> None:
        self.base, self.plane, self.clock, self.folder = base, plane, clock, folder
        self.backend: OpenAIBackend = self.reopen()
        self.training_rows, self.validation_rows = folder / "training.jsonl", folder / "validation.jsonl"
        self.training_rows.write_bytes(rows_file(30))
        self.validation_rows.write_bytes(rows_file(12))

    def pass_time(self) -> None:
        self.clock.turn(timedelta(seconds=1))

    def reopen(self) -> OpenAIBackend:
        return make_backend(self.base, self.clock, self.folder / "cache")


def make_backend(
    base: str, clock: TurnedClock, cache: Path, *, key: str = KEY, installation: Callable[[], str] = lambda: "here"
) -> OpenAIBackend:
    """Return the backend as a connection to an address makes it."""
    settings = PlatformSettings(base_url=base)
    secrets = {"api_key": key}
    return OpenAIBackend(settings, secrets, clock=clock, cache=cache, installation=installation, outgoing=OUTGOING)
