"""Room for the next checkpoint: looked at before the disk is full, not after. Standard library only."""

import shutil
from pathlib import Path

_SAVED_VALUES = 3  # of every trained parameter: its weight and AdamW's two moments
_BYTES = 4  # fp32
_CHECKPOINTS = 2  # one is written now, and so that it is whole there has to be room for another


class DiskSpaceGuard:
    """The disk under a run folder. `reserve` in bytes is left to others; `parameters` are those that are trained."""

    def __init__(self, folder: Path, *, reserve: int, parameters: int) -> None:
        self.folder, self.reserve = folder, reserve
        self.checkpoint = checkpoint_bytes(parameters)  # an estimate, until one has been saved

    def saved(self, checkpoint: Path) -> None:
        """Take note of what a checkpoint really takes."""
        self.checkpoint = sum(path.stat().st_size for path in checkpoint.rglob("*") if path.is_file())

    @property
    def free(self) -> int:
        """The bytes that are free."""
        return shutil.disk_usage(self.folder).free

    @property
    def is_low(self) -> bool:
        """Whether there is room for hardly more than the checkpoint that is to be written now."""
        return self.free < _CHECKPOINTS * self.checkpoint + self.reserve


def checkpoint_bytes(parameters: int) -> int:
    """Return about what a checkpoint takes in which so many parameters are trained."""
    return parameters * _SAVED_VALUES * _BYTES
