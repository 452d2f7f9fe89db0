"""Which checkpoints are whole. A process killed while saving leaves half of one. Standard library only."""

import json
import shutil
import struct
import zipfile
from pathlib import Path

_STATE = "trainer_state.json"  # transformers 5.23 writes it last (Trainer._save_checkpoint)
_PICKLES = ("optimizer.pt", "scheduler.pt", "rng_state.pth")


def step_of(folder: Path) -> int:
    """Return the optimizer step in a checkpoint folder's name; -1 where the name is another."""
    number = folder.name.removeprefix("checkpoint-")
    return int(number) if folder.name.startswith("checkpoint-") and number.isdecimal() else -1


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoint folders, oldest first, whole or not."""
    found = [path for path in folder.glob("checkpoint-*") if path.is_dir() and step_of(path) >= 0]
    return sorted(found, key=step_of)


def is_complete(checkpoint: Path) -> bool:
    """Tell whether everything that resuming needs is there, each file to its last byte."""
    try:
        state = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(state, dict) or state.get("global_step") != step_of(checkpoint):
        return False
    weights = list(checkpoint.glob("*.safetensors"))
    return (
        bool(weights)
        and all(is_whole_safetensors(path) for path in weights)
        and all(zipfile.is_zipfile(checkpoint / name) for name in _PICKLES)
    )


def is_whole_safetensors(path: Path) -> bool:
    """Tell whether a safetensors file has the length that its header promises.

    The format: 8 bytes little-endian header length, a JSON header with byte offsets, the tensors.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > size - 8:
                return False
            header = json.loads(file.read(length))
    except (OSError, ValueError, struct.error):
        return False
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return bool(size == 8 + length + max(ends, default=0))


def newest_complete(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, and remove those that are not, which TRL's retention would count."""
    newest = None
    for checkpoint in checkpoints(folder):
        if is_complete(checkpoint):
            newest = checkpoint
        else:
            shutil.rmtree(checkpoint)
    return newest
