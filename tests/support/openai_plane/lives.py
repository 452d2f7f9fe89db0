"""A house over a folder with its engine, to be killed and forked anew: see `tests.support.forks`.

`python -m tests.support.openai_plane.lives FOLDER BEGAN FACTOR BASE` connects to the planes at BASE. Its clock and
theirs run from the same start, so many times faster than the machine's that five minutes of grace are over in seconds.
"""

import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from app.backends.openai_wire.kinds import AzureOpenAIKind, OpenAIKind
from app.engine.engine import Engine
from app.kit.outgoing import Outgoing
from app.kit.vault import Vault
from app.runtimes.environments import RuntimeEnvironments
from app.services.scope import AppContext, Backends, Scopes
from app.settings import ROOT
from app.store.files import FileStore
from tests.support.app_context import new_database
from tests.support.forks import forking
from tests.support.openai_plane.azure_bench import credential
from tests.support.openai_plane.tls import manager_of, outgoing_to

LEASE_S = 3600.0  # by the fast clock; after a death the next life frees what was held
LOADED = ("httpx2", "httpcore2", "app.kit.checked_transport", "azure.core.exceptions", "certifi")


class FastClock:
    """A clock that runs `factor` times as fast as the machine's, from a moment that all processes know."""

    def __init__(self, began: float, factor: float) -> None:
        self._began, self._factor = began, factor

    def now(self) -> datetime:
        """Return the moment."""
        start = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
        return start + timedelta(seconds=(time.time() - self._began) * self._factor)


@contextmanager
def opened(folder: Path, clock: FastClock, base: str) -> Iterator[Scopes]:
    """Give the house over a folder, as a process finds it that starts now."""
    outgoing: Outgoing = outgoing_to(folder / "pki" / "ca.pem", base)
    common = {"clock": clock, "installation": lambda: "here", "outgoing": outgoing}
    kinds = (
        OpenAIKind(cache=folder / "cache", **common),  # type: ignore[arg-type]  # of several types
        AzureOpenAIKind(cache=folder / "cache", manager=manager_of(base), credential=credential, **common),  # type: ignore[arg-type]
    )
    database = new_database(folder / "house.sqlite3")
    context = AppContext(
        database=database,
        clock=clock,
        files=FileStore(folder / "data", upload_limit=64 * 2**20, disk_reserve=0),
        backends=Backends([], kinds=kinds, vault=Vault(folder / "vault" / "key")),
        runtimes=RuntimeEnvironments(folder / "runtimes"),
        samples=ROOT / "app" / "samples",
        version="test",
    )
    try:
        yield Scopes(context)
    finally:
        database.close()


def live(folder: Path, clock: FastClock, base: str) -> None:
    """Turn the engine until somebody kills this process."""
    idle = Event()
    with opened(folder, clock, base) as scopes:
        engine = Engine(scopes, lease_s=LEASE_S)
        engine.safely(engine.take_over)
        while True:
            if not engine.tick():
                idle.wait(0.02)


def main() -> None:
    """Load, then fork a life for every line."""
    for package in LOADED:
        importlib.import_module(package)
    folder, clock, base = Path(sys.argv[1]), FastClock(float(sys.argv[2]), float(sys.argv[3])), sys.argv[4]
    forking(lambda: live(folder, clock, base))


if __name__ == "__main__":
    main()
