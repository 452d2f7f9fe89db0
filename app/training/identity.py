"""What a model is, by its files: one hash over weights, configs and tokenizer.

Standard library only; both sides use it.

Weights are read once: the hashes of large files are kept, by path, size and time of change, in a file that every run of
an installation adds to.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.training.notes import NOTE
from app.training.run_lock import read_whole

# Grows whenever questions or answers are written, judged or cut in another way than before: figures of two versions say
# nothing of each other. tests/families holds a digest of what is written, so that this is not forgotten.
RENDERING_VERSION = 1
HASHES = "hashes.jsonl"  # in the folder of run folders
_PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
_NOT_OF_THE_MODEL = frozenset({NOTE, "trainer_state.json"})
_LARGE = 1_000_000  # bytes; smaller files are read each time


@dataclass(frozen=True, slots=True)
class Hashes:
    """The hashes that are kept in `file`."""

    file: Path

    def of_model(self, folders: Sequence[Path], *, reading: bool) -> str | None:
        """Return the SHA-256 of the models in `folders`, an adapter's before its base's.

        None where a folder is gone, or a large file was not read before and `reading` is False.
        """
        kept, whole = self._kept(), hashlib.sha256()
        for folder in folders:
            for path in _files(folder):
                found = self._of_file(path, kept, reading=reading)
                if found is None:
                    return None
                whole.update(f"{path.name}\0{found}\n".encode())
            whole.update(b"\n")
        return whole.hexdigest() if folders and all(map(Path.is_dir, folders)) else None

    def _of_file(self, path: Path, kept: Mapping[tuple[str, int, int], str], *, reading: bool) -> str | None:
        try:
            status, real = path.stat(), str(path.resolve())
            key = (real, status.st_size, status.st_mtime_ns)
            if key in kept:
                return kept[key]
            if status.st_size >= _LARGE and not reading:
                return None
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
        if status.st_size >= _LARGE:
            self._keep({"path": real, "size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": found})
        return found

    def _kept(self) -> dict[tuple[str, int, int], str]:
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except OSError:
            return {}
        read = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return {(each["path"], each["size"], each["mtime_ns"]): each["sha256"] for each in read}

    def _keep(self, line: Mapping[str, Any]) -> None:
        """Add a line by one write, so that lines of several processes never mix."""
        handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def folders_of(target: Mapping[str, Any], hub: Path) -> list[Path] | None:
    """Return the folders that a target (of a child's spec) is loaded from; None where one is not on this machine.

    `hub`: the folder in which what the hub gave is kept.
    """
    if not target.get("model"):
        base = target["base"]
        below = _folder(base, hub)
        above = [Path(base["adapter"])] if base.get("adapter") else []
        return None if below is None else [*above, below]
    folder = Path(target["model"])
    if not (folder / "adapter_config.json").is_file():
        return [folder]
    below = _folder((read_whole(folder / NOTE) or {}).get("base") or {}, hub)
    return None if below is None else [folder, below]


def _folder(base: Mapping[str, Any], hub: Path) -> Path | None:
    """Return where a base lies: its own folder, or the snapshot that the hub's main branch was when it was asked."""
    if not base.get("hub"):
        return Path(base["path"]) if base.get("path") else None
    cached = hub / f"models--{str(base['hub']).replace('/', '--')}"
    try:
        return cached / "snapshots" / (cached / "refs" / "main").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _files(folder: Path) -> list[Path]:
    found = {path for pattern in _PATTERNS for path in folder.glob(pattern)}
    return sorted(path for path in found if path.name not in _NOT_OF_THE_MODEL)
