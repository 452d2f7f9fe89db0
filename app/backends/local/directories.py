"""What a model's directory holds, by its files alone: read with a bound, and nothing of it is run."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.backends.local.errors import untyped
from app.domain.backend import NotFound, Rejected

_CONTEXT_FIELDS = ("max_position_embeddings", "n_positions", "seq_length")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_INDEX = "model.safetensors.index.json"
_LARGEST_JSON = 16 * 2**20  # bytes; the index of a model of a thousand shards has two
_LARGEST_HEADER = 100 * 2**20  # bytes: safetensors' own limit
_LENGTH = 8  # bytes of the header's length, little-endian (safetensors, Format)


def checked_directory(name: str) -> Path:
    """Return the directory of a safe, whole model.

    Raises:
        Rejected, NotFound: with what it lacks.
    """
    path = Path(name)
    if not path.is_absolute() or "\0" in name:
        raise Rejected("A model directory is given by its whole path.", fix="Write path:/home/me/models/name.")
    if not path.is_dir():
        raise NotFound(f"There is no directory {name}.", fix="Check the path; it must be on the machine of TuneDesk.")
    if not (path / "config.json").is_file():
        what = (
            "is a LoRA adapter, not a whole model" if (path / "adapter_config.json").is_file() else "has no config.json"
        )
        raise Rejected(f"{name} {what}.", fix="Choose the directory of a whole model.")
    if not any(path.glob("*.safetensors")):
        raise Rejected(f"{name} has no safetensors file.", fix="Convert the weights: other formats can carry code.")
    missing = [file.name for file in weight_files(path) if not file.is_file()]
    if missing:
        what = f"{missing[0]}" if len(missing) == 1 else f"{missing[0]} and {len(missing) - 1} more files"
        raise Rejected(f"{name} lacks {what}, which its {_INDEX} names.", fix="Copy the whole model.")
    if not any((path / file).is_file() for file in _TOKENIZER_FILES):
        raise Rejected(f"{name} has no tokenizer.", fix="Put the model's tokenizer files into the directory.")
    if "auto_map" in read(path / "config.json"):
        raise Rejected(
            f"{name} needs Python code of its own to load, and code that comes with a model is not run here.",
            fix="Choose a model whose architecture is part of the transformers library.",
        )
    return path


def unusable_reason(path: Path) -> str:
    """Return why a whole model's directory cannot be trained from all the same; empty where it can."""
    quantised = untyped(read(path / "config.json").get("quantization_config"))
    if quantised:
        method = str(quantised.get("quant_method") or "an unnamed method")[:40]
        return (
            f"Its weights are quantised ({method}), which is for answering and not trained here: "
            "choose the model that it was made from."
        )
    if (path / "adapter_config.json").is_file():
        return (
            "It holds an adapter (adapter_config.json) beside a config.json, and transformers would load another model "
            "under it: choose the whole model, or merge the two first."
        )
    return ""


def weight_files(path: Path) -> Sequence[Path]:
    """Return the files that transformers (5.23) loads: `model.safetensors`, else the index's shards, else all.

    Beside them there may be a second copy of the same weights under another name, which counts for nothing.
    """
    if (path / "model.safetensors").is_file():
        return [path / "model.safetensors"]
    shards = untyped(read(path / _INDEX).get("weight_map")).values()
    return [path / Path(str(name)).name for name in dict.fromkeys(shards)] or sorted(path.glob("*.safetensors"))


def is_whole(path: Path) -> bool:
    """Tell whether all files that a model is loaded from are there."""
    files = weight_files(path)
    return (path / "config.json").is_file() and bool(files) and all(file.is_file() for file in files)


def weight_bytes(path: Path) -> int:
    """Return the size of the weights on the disk."""
    return sum(file.stat().st_size for file in weight_files(path) if file.is_file())


def parameters(path: Path) -> int:
    """Return the number of parameters, as the headers of the weights tell their shapes."""
    return sum(
        math.prod(each for each in tensor["shape"] if isinstance(each, int))
        for file in weight_files(path)
        for tensor in _header(file).values()
        if isinstance(tensor, dict) and isinstance(tensor.get("shape"), list)
    )


def _header(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(_LENGTH), "little")
            header = json.loads(stream.read(length)) if length <= _LARGEST_HEADER else {}
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in untyped(header).items() if name != "__metadata__"}


def has_template(path: Path) -> bool:
    """Return whether the tokenizer brings a chat template, alone or among several."""
    beside = ("chat_template.jinja", "chat_template.json", "additional_chat_templates")
    return any((path / name).exists() for name in beside) or "chat_template" in read(path / "tokenizer_config.json")


def context_length(config: Mapping[str, Any]) -> int | None:
    """Return the context that a config tells, in tokens; None where it tells none."""
    for source in (config, untyped(config.get("text_config"))):
        for name in _CONTEXT_FIELDS:
            if isinstance(source.get(name), int) and source[name] > 0:
                return int(source[name])
    return None


def read(path: Path) -> dict[str, Any]:
    """Return a JSON object; an empty one where there is none, or it is larger than any that belongs to a model."""
    try:
        with path.open("rb") as stream:
            text = stream.read(_LARGEST_JSON + 1)
        value = json.loads(text) if len(text) <= _LARGEST_JSON else {}
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
