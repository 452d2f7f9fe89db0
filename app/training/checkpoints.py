"""Which checkpoints are whole: those whose seal says so, file by file. Standard library only.

A process killed while saving leaves half of one, a machine that loses its power leaves names without bytes. So whoever
saves a checkpoint brings every file of it to the disk first and puts the seal in last; without the seal, or with one
file that is not as long as the seal says, there is no checkpoint.
"""

import os
import shutil
from pathlib import Path

from app.training.run_lock import read_whole, write_whole

SEAL = "complete.json"


def step_of(folder: Path) -> int:
    """Return the optimizer step in a checkpoint folder's name; -1 where the name is another."""
    number = folder.name.removeprefix("checkpoint-")
    return int(number) if folder.name.startswith("checkpoint-") and number.isdecimal() else -1


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoint folders, oldest first, whole or not."""
    found = [path for path in folder.glob("checkpoint-*") if path.is_dir() and step_of(path) >= 0]
    return sorted(found, key=step_of)


def seal(checkpoint: Path) -> None:
    """Declare a checkpoint whole, once all that is in it has reached the disk."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    for path in [*files, checkpoint]:
        _to_disk(path)
    sizes = {str(path.relative_to(checkpoint)): path.stat().st_size for path in files}
    write_whole(checkpoint / SEAL, {"step": step_of(checkpoint), "files": sizes})


def is_complete(checkpoint: Path) -> bool:
    """Tell whether the checkpoint is sealed and every file is as long as it was then."""
    reported = read_whole(checkpoint / SEAL) or {}
    sizes = reported.get("files")
    if reported.get("step") != step_of(checkpoint) or not isinstance(sizes, dict) or not sizes:
        return False
    return all(_size(checkpoint / name) == size for name, size in sizes.items())


def newest_complete(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, and remove those that are not, which TRL's retention would count."""
    newest = None
    for checkpoint in checkpoints(folder):
        if is_complete(checkpoint):
            newest = checkpoint
        else:
            shutil.rmtree(checkpoint)
    return newest


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
