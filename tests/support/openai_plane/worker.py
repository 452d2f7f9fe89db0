"""A process with the house's engine over a folder, to be killed: `python -m tests.support.openai_plane.worker …`.

Its clock and the plane's run from the same start, and so many times faster than the machine's that five minutes of
grace are over in seconds.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.backends.openai_wire.kinds import OpenAIKind
from app.backends.rehearsal import RehearsalBackend, Script
from app.engine.engine import Engine
from app.kit.vault import Vault
from app.runtimes.environments import RuntimeEnvironments
from app.services.scope import AppContext, Backends, Scopes
from app.settings import ROOT
from app.store.files import FileStore
from tests.support.app_context import new_database
from tests.support.openai_plane.bench import OUTGOING


class FastClock:
    """A clock that runs `factor` times as fast as the machine's, from a moment that all processes know."""

    def __init__(self, began: float, factor: float) -> None:
        self._began, self._factor = began, factor

    def now(self) -> datetime:
        """Return the moment."""
        start = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
        return start + timedelta(seconds=(time.time() - self._began) * self._factor)


def scopes_over(folder: Path, clock: FastClock) -> Scopes:
    """Return the house over a folder, as a process finds it that starts now."""
    kind = OpenAIKind(clock=clock, cache=folder / "cache", installation=lambda: "here", outgoing=OUTGOING)
    rehearsal = RehearsalBackend(folder / "rehearsal", clock=clock, script=Script())
    context = AppContext(
        database=new_database(folder / "house.sqlite3"),
        clock=clock,
        files=FileStore(folder / "data", upload_limit=64 * 2**20, disk_reserve=0),
        backends=Backends([rehearsal], kinds=(kind,), vault=Vault(folder / "vault" / "key")),
        runtimes=RuntimeEnvironments(folder / "runtimes"),
        samples=ROOT / "app" / "samples",
        version="test",
    )
    return Scopes(context)


def main(folder: Path, began: float, factor: float) -> None:
    """Turn the engine until somebody kills this process."""
    engine = Engine(scopes_over(folder, FastClock(began, factor)))
    engine.take_over()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    while True:
        engine.tick()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
