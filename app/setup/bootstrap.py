"""The order of set-up: check the disk, take the lock, make the environment, bring the browser libraries, hand over to
it.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from app.kit.locks import open_lock, sign, try_lock, wait_lock
from app.setup import blob_store, browser, web
from app.setup.paths import Paths
from app.setup.problems import SetupError, explain_os
from app.setup.terminal import Terminal

NEEDED_BYTES = 700 * 1000**2  # measured: environment 234 MB, test tools 268 MB, a borrowed Node 206 MB for a moment
NEEDED_FOR_TESTS_BYTES = 200 * 1000**2  # measured: Azurite 186 MB


def ensure(paths: Paths, terminal: Terminal, *, tests: bool = False) -> None:
    """Set up whatever is not set up; a second call at the same time waits for the first. Raises SetupError."""
    layers = web.LAYERS if tests else web.LAYERS[:1]
    try:
        if _is_fresh(paths, layers, tests=tests):
            return
        lock = open_lock(paths.scratch / "lock")
        try:
            if not try_lock(lock):
                terminal.say("Another start is setting up this checkout: waiting for it")
                wait_lock(lock)
            sign(lock)
            _set_up(paths, layers, terminal, tests=tests, lock=lock)
        finally:
            os.close(lock)
    except OSError as error:
        raise explain_os("Set-up cannot go on.", error) from error


def _set_up(paths: Paths, layers: Sequence[str], terminal: Terminal, *, tests: bool, lock: int) -> None:
    """The steps, each of which looks first whether there is anything to do."""
    if _is_fresh(paths, layers, tests=tests):
        return
    _check_disk(paths, NEEDED_BYTES + (NEEDED_FOR_TESTS_BYTES if tests else 0))
    for layer in layers:
        web.ensure(paths, layer, terminal, hold=[lock])
    browser.ensure(paths, terminal, tests=tests, hold=[lock])
    if tests:
        blob_store.ensure(paths, terminal, hold=[lock])
    terminal.say(f"Set up in {terminal.seconds():.0f} s")


def in_environment(paths: Paths) -> bool:
    """Whether this process is the web environment's."""
    return Path(sys.prefix).samefile(paths.venv)


def enter_environment(paths: Paths, arguments: Sequence[str]) -> NoReturn:
    """Become the same command in the web environment."""
    sys.stdout.flush()
    sys.stderr.flush()
    environ = compiling_once(os.environ, paths.scratch)
    os.execve(paths.python, [str(paths.python), "-m", "app", *arguments], environ)  # noqa: S606 (no shell is wanted)


def compiling_once(environ: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """The environment of the web process: compiled files are kept, aside where they are not wanted beside the sources.

    A start that compiles all it imports takes twice the CPU, and a run of the tests starts hundreds of Pythons.
    """
    kept = dict(environ)
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept.setdefault("PYTHONPYCACHEPREFIX", str(scratch / "compiled"))
    return kept


def _is_fresh(paths: Paths, layers: Sequence[str], *, tests: bool) -> bool:
    made = all(web.is_fresh(paths, layer) for layer in layers) and browser.is_fresh(paths, tests=tests)
    return made and (not tests or blob_store.is_fresh(paths))


def _check_disk(paths: Paths, needed: int) -> None:
    free = shutil.disk_usage(paths.root).free
    if free < needed:
        raise SetupError(
            f"The disk has {free / 1000**2:.0f} MB free and set-up needs about {needed / 1000**2:.0f} MB.",
            "Free some space, then start again.",
        )
