"""A model's folder as it may leave this machine: no pickle in it, and no path. Standard library only.

A pickle runs code when it is read, and a path tells strangers how a machine is arranged. The one file with a path by
right is our own note of the base (`notes.NOTE`), and that one is not handed out.
"""

from pathlib import Path, PurePath

from app.training.notes import NOTE
from app.training.run_lock import read_whole, write_whole

# What torch, transformers and Python's pickle write; weights that are handed out are safetensors.
PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})
_ADAPTER, _CARD = "adapter_config.json", "README.md"
_BASE = "base_model_name_or_path"
PATH_ID = "path:"


def is_handed_out(file: Path) -> bool:
    """Tell whether a file of a model's folder may leave this machine."""
    return file.name != NOTE and file.suffix not in PICKLES and not file.name.startswith(".")


def name_of(base: str) -> str:
    """Return what a base model is called elsewhere: of a directory, its last name; any other id is itself."""
    path = PurePath(base.removeprefix(PATH_ID))
    return path.name if path.is_absolute() else base


def clean(folder: Path) -> None:
    """Take pickles and paths out of a model's folder; a repeat changes nothing."""
    for file in folder.iterdir():
        if file.suffix in PICKLES:
            file.unlink()
    config = read_whole(folder / _ADAPTER)
    if config is not None and config.get(_BASE) and name_of(str(config[_BASE])) != config[_BASE]:
        write_whole(folder / _ADAPTER, {**config, _BASE: name_of(str(config[_BASE]))})
    base = (read_whole(folder / NOTE) or {}).get("base") or {}
    card = folder / _CARD
    known = [str(base[key]) for key in ("id", "root", "path") if base.get(key)]
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    cleaned = text
    for each in sorted(known, key=len, reverse=True):
        cleaned = cleaned.replace(each, name_of(each))
    if cleaned != text:
        card.write_text(cleaned, encoding="utf-8")
