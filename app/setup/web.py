"""The web environment `.venv`: made once, filled from a lock, stamped, and made anew when it was left half-done."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from app.setup.commands import CommandFailedError, collected, explained, pip_environ, pip_install, run
from app.setup.paths import Paths
from app.setup.problems import SetupError, explain
from app.setup.requirements import count, fingerprint, read_lock
from app.setup.terminal import Terminal

LAYERS = ("web", "test")  # each lock adds to the one before; its name is the stamp's name


def is_fresh(paths: Paths, layer: str) -> bool:
    """Whether the environment holds exactly this layer's lock, by its stamp."""
    return _stamp(paths, layer) == _wanted(paths, layer)


def ensure(paths: Paths, layer: str, terminal: Terminal, *, hold: Sequence[int] = ()) -> None:
    """Make the environment hold the packages of `layer`; does nothing where its stamp says that it does."""
    if is_fresh(paths, layer):
        return
    if _unfinished(paths).exists() or not _works(paths):
        _make(paths, terminal, hold)
    lock = paths.locks / f"{layer}.txt"
    total = count(read_lock(lock))
    terminal.say(f"Installing {total} Python packages ({layer}.txt) into {paths.venv.name}")
    done = 0

    def listen(line: str) -> None:
        nonlocal done
        if collected(line):
            done += 1
            terminal.count("packages", done, total)

    _unfinished(paths).touch()
    command = pip_install(paths.python, "--require-hashes", "--requirement", str(lock))
    log = paths.scratch / "web.log"
    with explained("The Python packages could not be installed.", log):
        run(command, log=log, listen=listen, environ=pip_environ(), hold=hold)
    _write_stamp(paths, layer)
    _unfinished(paths).unlink()


def _make(paths: Paths, terminal: Terminal, hold: Sequence[int]) -> None:
    """A new, empty environment; what was there and does not work is removed first."""
    terminal.say(f"Making the Python environment {paths.venv.name}")
    if paths.venv.exists():
        shutil.rmtree(paths.venv)
    paths.venv.mkdir()
    _unfinished(paths).touch()
    create_environment(paths.venv, log=paths.scratch / "web.log", hold=hold)


def create_environment(folder: Path, *, log: Path, hold: Sequence[int] = ()) -> None:
    """An environment with pip, made by this interpreter's own `venv`; raises SetupError where Python lacks that module.

    In two steps, because `venv` alone keeps to itself why pip could not be put in.
    """
    try:
        run([sys.executable, "-m", "venv", "--without-pip", str(folder)], log=log, hold=hold)
        run([str(folder / "bin" / "python"), "-Im", "ensurepip", "--default-pip"], log=log, hold=hold)
    except CommandFailedError as error:
        if re.search(r"ensurepip is (not available|disabled)|No module named", error.output):
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise SetupError(
                "This Python has no complete `venv` module.",
                f"Install it (on Debian or Ubuntu: apt-get install python{version}-venv), then start again.",
            ) from None
        raise explain("The Python environment could not be made.", error.output, log) from None


def _works(paths: Paths) -> bool:
    """Whether there is an interpreter that still is the one the environment was made with, and that has pip."""
    if not os.access(paths.python, os.X_OK):
        return False
    asked = [str(paths.python), "-c", "import pip, sys; raise SystemExit(sys.version_info < (3, 11))"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _unfinished(paths: Paths) -> Path:
    """Stands while pip writes: an environment that has it is made anew, for nobody knows how far pip came."""
    return paths.venv / ".tunedesk-unfinished"


def _stamp_path(paths: Paths, layer: str) -> Path:
    return paths.venv / f".tunedesk-{layer}.json"


def _stamp(paths: Paths, layer: str) -> dict[str, str] | None:
    if _unfinished(paths).exists():
        return None
    try:
        found: dict[str, str] = json.loads(_stamp_path(paths, layer).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _wanted(paths: Paths, layer: str) -> dict[str, str]:
    """The lock, and the interpreter the environment points to: a system that moves to another Python moves it away."""
    lock = fingerprint(paths.locks / f"{layer}.txt")
    return {"lock": lock, "interpreter": os.path.realpath(paths.python)}


def _write_stamp(paths: Paths, layer: str) -> None:
    draft = _stamp_path(paths, layer).with_suffix(".new")
    draft.write_text(json.dumps(_wanted(paths, layer)), encoding="utf-8")
    draft.replace(_stamp_path(paths, layer))
