"""Azurite, the blob store that the tests of Azure write to: fetched by npm against its own lock, for the tests alone.

What cannot be fetched is told and left out: the tests that need it are skipped, and say so.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.setup.commands import CommandFailedError
from app.setup.npm import fetch, find_npm
from app.setup.paths import Paths
from app.setup.problems import SetupError, explain
from app.setup.requirements import fingerprint
from app.setup.terminal import Terminal

_RECIPE = "1"  # raise it when the way the folder is made changes
_STAMP = ".stamp"


def is_fresh(paths: Paths) -> bool:
    """Whether it is there and made from the committed lock."""
    try:
        return (paths.blob_store / _STAMP).read_text(encoding="utf-8") == _wanted(paths)
    except OSError:
        return False


def ensure(paths: Paths, terminal: Terminal, *, hold: Sequence[int] = ()) -> None:
    """Bring Azurite to `.setup/azurite`; does nothing where it is fresh, and only tells where it cannot be."""
    if is_fresh(paths):
        return
    paths.scratch.mkdir(exist_ok=True)
    log = paths.scratch / "azurite.log"
    with tempfile.TemporaryDirectory(dir=paths.scratch, prefix="azurite-") as folder:
        scratch = Path(folder)
        try:
            npm = find_npm(paths, scratch / "node", terminal, hold)
            terminal.say("Bringing Azurite for the tests of Azure (186 MB)")
            modules = fetch(npm, _lock(paths), scratch, log=log, hold=hold)
        except SetupError as error:
            terminal.say(f"{error.sentence} Tests that need Azurite will be skipped.")
            return
        except CommandFailedError as error:
            failure = explain("Azurite could not be fetched.", error.output, log)
            terminal.say(f"{failure.sentence} Tests that need it will be skipped. {failure.remedy}")
            return
        draft = scratch / "draft"
        draft.mkdir()
        modules.rename(draft / "node_modules")
        if npm.borrowed:
            shutil.copy2(npm.node, draft / "node")
        (draft / _STAMP).write_text(_wanted(paths), encoding="utf-8")
        if paths.blob_store.exists():
            shutil.rmtree(paths.blob_store)
        draft.rename(paths.blob_store)


def _lock(paths: Paths) -> Path:
    return paths.assets / "azurite"


def _wanted(paths: Paths) -> str:
    return f"{_RECIPE} {fingerprint(_lock(paths) / 'package.json', _lock(paths) / 'package-lock.json')}"
