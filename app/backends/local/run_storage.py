"""The run folders of this machine, whoever still knows them."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words
from app.domain.runs import ListsRuns, Run
from app.kit.ids import is_id
from app.training import run_lock

_KINDS = ("job_", "evl_", "dep_")  # the prefixes of the ids that runs are made for


class LocalRunStorage(ListsRuns):
    """To tell what lies here, and to clear it away."""

    context: LocalContext

    def run_tags(self) -> Sequence[str]:
        """Return the names of the run folders: real directories named by ids of ours. What else lies there is not."""
        root = self.context.runs.root
        return sorted(entry.name for entry in os.scandir(root) if _is_run(entry)) if root.is_dir() else []

    def is_at_work(self, tag: str) -> bool:
        """Tell whether a process holds the folder's lock."""
        return run_lock.is_locked(self.context.runs.folder(tag))

    def run(self, tag: str) -> Run:
        """Return what lies in the folder."""
        return _run(self.context.runs.folder(tag))

    @in_backend_words
    def end_run(self, tag: str) -> None:
        """Ask the run's process to end (SIGTERM), and after a grace make it (SIGKILL)."""
        self.context.runs.stop(tag)

    @in_backend_words
    def remove_run(self, tag: str) -> None:
        """Remove the folder unless somebody is at work in it."""
        folder = self.context.runs.folder(tag)
        if tag.startswith(_KINDS) and is_id(tag) and not folder.is_symlink() and not run_lock.is_locked(folder):
            self.context.runs.remove(tag)


def _is_run(entry: "os.DirEntry[str]") -> bool:
    return entry.name.startswith(_KINDS) and is_id(entry.name) and entry.is_dir(follow_symlinks=False)


def _run(folder: Path) -> Run:
    spec = run_lock.read_whole(folder / run_lock.SPEC) or {}
    sizes, changed = [0], [0.0]
    for parent, _folders, names in os.walk(folder):
        for name in names:
            try:
                seen = os.lstat(Path(parent) / name)
            except OSError:
                continue  # it went while we looked
            sizes.append(seen.st_size)
            changed.append(seen.st_mtime)
    return Run(
        tag=folder.name,
        kind=str(spec.get("kind", "")),
        alive=run_lock.is_locked(folder),
        size_bytes=sum(sizes),
        changed_at=datetime.fromtimestamp(max(changed), UTC),
    )
