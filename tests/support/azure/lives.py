"""A server's engine in a process that may be killed at any instant, and a midwife that has loaded everything before.

`python -m tests.support.azure.lives FOLDER START SPEED` loads the packages once, says "ready", and for every line on
its input forks a life: a whole engine over the database in FOLDER, with four workers, by a clock that runs SPEED times
as fast as the machine's. It prints the life's process id, waits for its end, and prints how it ended.
"""

import importlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from app.backends.azure_foundry.kind import AzureFoundryKind
from app.engine.engine import Engine
from app.kit.installation import installation_name
from app.kit.vault import Vault
from app.main import SAMPLES, VERSION
from app.runtimes.environments import RuntimeEnvironments
from app.services.scope import AppContext, Backends, Scopes
from app.store.database import Database
from app.store.files import FileStore
from tests.support.azure.clock import CloudClock
from tests.support.forks import forking

LEASE_S = 3600.0  # by the fast clock; after a death the next life frees what was held
WORKERS = 4
_LOADED = ("tests.support.azure.sdk", "azure.identity", "azure.ai.ml._restclient.arm_ml_service.models")


def url(folder: Path) -> str:
    """Return the database's address."""
    return f"sqlite:///{folder / 'house.sqlite3'}"


@contextmanager
def opened(folder: Path, clock: CloudClock) -> Iterator[Scopes]:
    """Give the house over a folder, as every life opens it."""
    database = Database(url(folder))
    kind = AzureFoundryKind(clock=clock, cache=folder / "cache", installation=lambda: installation_name(folder))
    app_context = AppContext(
        database=database,
        clock=clock,
        files=FileStore(folder / "data", upload_limit=64 * 2**20, disk_reserve=0),
        backends=Backends([], kinds=[kind], vault=Vault(folder / "vault" / "key")),
        runtimes=RuntimeEnvironments(folder / "runtimes"),
        samples=SAMPLES,
        version=VERSION,
    )
    try:
        yield Scopes(app_context)
    finally:
        database.close()


def live(folder: Path, clock: CloudClock) -> None:
    """Turn the engine until killed."""
    tick = Event()
    with opened(folder, clock) as scopes, ThreadPoolExecutor(WORKERS) as pool:
        engine = Engine(scopes, lease_s=LEASE_S)
        engine.safely(engine.take_over)
        while True:
            claims = engine.claim(WORKERS)
            for _ in pool.map(engine.reconcile, claims):
                pass
            if not claims:
                tick.wait(0.02)


def main() -> None:
    """Load, then fork a life for every line."""
    for package in _LOADED:
        importlib.import_module(package)
    folder, start, speed = Path(sys.argv[1]), datetime.fromtimestamp(float(sys.argv[2]), UTC), float(sys.argv[3])
    clock = CloudClock(start, speed=speed, zero=start)
    forking(lambda: live(folder, clock))


if __name__ == "__main__":
    main()
