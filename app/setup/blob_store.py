"""What the tests take from npm: Azurite, the blob store that those of Azure write to; OpenAI's client for Node; and
`oidc-provider`, a directory to sign in with.

All against a lock of their own, for the tests alone. What cannot be fetched is told and left out: the tests that need
it are skipped, and say so.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.setup.commands import explained
from app.setup.npm import fetch, find_npm, is_stamped, swap_in
from app.setup.paths import Paths
from app.setup.problems import SetupError
from app.setup.terminal import Terminal


def is_fresh(paths: Paths) -> bool:
    """Whether it is there and made from the committed lock."""
    return is_stamped(paths.blob_store, _lock(paths))


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
            terminal.say("Bringing Azurite, OpenAI's client for Node and oidc-provider, for the tests (208 MB)")
            with explained("Azurite could not be fetched.", log):
                modules = fetch(npm, _lock(paths), scratch, log=log, hold=hold)
        except SetupError as error:
            terminal.say(f"{error.sentence} Tests that need it will be skipped. {error.remedy}")
            return
        draft = scratch / "draft"
        draft.mkdir()
        modules.rename(draft / "node_modules")
        if npm.borrowed:
            shutil.copy2(npm.node, draft / "node")
        swap_in(draft, paths.blob_store, _lock(paths))


def _lock(paths: Paths) -> Path:
    return paths.assets / "azurite"
