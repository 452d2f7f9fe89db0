"""A life that adopts a job of others and then waits to be killed: see `tests.support.forks`.

`python -m tests.support.openai_plane.adopting_lives FOLDER BEGAN FACTOR BASE CONNECTION JOB PROJECT`
"""

import importlib
import sys
from pathlib import Path
from threading import Event

from app.domain.actors import OWNER
from app.services import adopting
from tests.support.forks import forking
from tests.support.openai_plane.lives import LOADED, FastClock, opened


def live(folder: Path, clock: FastClock, base: str, asked: list[str]) -> None:
    """Adopt the job, and stand still."""
    connection, job, project = asked
    with opened(folder, clock, base) as scopes:
        with scopes.open(OWNER) as scope:
            adopting.adopt_job(scope, connection, job, project)
        Event().wait()


def main() -> None:
    """Load, then fork a life for every line."""
    for package in LOADED:
        importlib.import_module(package)
    folder, began, factor, base, *asked = sys.argv[1:]
    forking(lambda: live(Path(folder), FastClock(float(began), float(factor)), base, asked))


if __name__ == "__main__":
    main()
