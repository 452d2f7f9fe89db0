"""What is wrong with a model's directory, by its files alone: read with a bound, and nothing of it is run or loaded.

Standard library only. What a file says of itself is compared with the others; the architecture's own idea of its
weights is asked for in `architecture`.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.training.failures import ChildError

INDEX = "model.safetensors.index.json"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
LARGEST_JSON = 16 * 2**20  # bytes; the index of a model of a thousand shards has two
_LARGEST_TOKENIZER = 256 * 2**20  # bytes; the largest that are published have 35 MB
_LARGEST_HEADER = 100 * 2**20  # bytes: safetensors' own limit
_HASHED = 2**20  # bytes at a file's beginning
_LENGTH = 8  # bytes of the header's length, little-endian (safetensors, Format)
_POINTER = b"version https://git-lfs"  # what stands in a large file's stead where Git LFS did not bring it
_OPTIONAL_JSON = ("generation_config.json", "tokenizer_config.json", "special_tokens_map.json")
# Types of safetensors that weights are trained in; the others hold quantised ones, which need their scales to mean any.
_TRAINED_TYPES = frozenset({"F64", "F32", "F16", "BF16"})
_COUNTED = frozenset({"I64", "I32", "I16", "U64", "U32", "U16", "BOOL"})  # of buffers: positions, masks
# Other formats of weights by their endings, with what is to be done about each.
_OTHER_WEIGHTS = {
    ".gguf": ("only GGUF files, which are for answering", "Choose the model that they were made from."),
    ".bin": (
        "only pickled weights (.bin), which can carry code and are not loaded here",
        "Convert them on a machine that you trust: load the model with transformers, then call save_pretrained.",
    ),
    ".pt": ("only PyTorch pickles (.pt), which can carry code", "Save the weights as safetensors."),
    ".h5": ("only weights of TensorFlow (.h5)", "Load them with from_tf=True in an older transformers, and save them."),
    ".msgpack": ("only weights of Flax (.msgpack)", "Choose the model's PyTorch version."),
    ".onnx": ("only an ONNX graph, which is for answering", "Choose the model that it was made from."),
}


class ModelFault(ChildError):
    """Something is wrong with a model's directory."""


def check(folder: Path) -> None:
    """Look at the directory of a whole model.

    Raises:
        ModelFault: the first thing that is wrong, and how to fix it.
    """
    _check_there(folder)
    config = read_object(folder / "config.json")
    _check_config(folder, config)
    files = _weight_files(folder)
    tensors: dict[str, str] = {}
    for file in files:
        header = read_header(file)
        _check_types(file, header)
        tensors |= dict.fromkeys(header, file.name)
    _check_index(folder, files, tensors)
    _check_tokenizer(folder)
    for name in _OPTIONAL_JSON:
        if (folder / name).exists():
            read_object(folder / name)


def _check_there(folder: Path) -> None:
    if folder.is_file():
        raise _fault("not_a_model", f"{folder} is a file.", "Give the directory of a whole model.")
    if not folder.is_dir():
        fix = "Bring it back, or choose another model."
        raise _fault("model_missing", f"The directory of the base model, {folder}, is gone.", fix)
    if not os.access(folder, os.R_OK | os.X_OK):
        fix = "Let the user that TuneDesk runs as read it."
        raise _fault("unreadable", f"{folder} may not be read by this program.", fix)
    if (folder / "config.json").is_file():
        return
    if (folder / "adapter_config.json").is_file():
        fix = "Choose the model that it was made for, or merge the two first."
        raise _fault("adapter_as_base", f"{folder.name} is a LoRA adapter, not a whole model.", fix)
    _check_formats(folder)
    raise _fault("not_a_model", f"{folder.name} has no config.json.", "Choose a directory with a whole model.")


def _check_formats(folder: Path) -> None:
    """Refuse a directory whose weights are all of another format."""
    present = {path.suffix for path in folder.iterdir()}
    if ".safetensors" in present:
        return
    for suffix, (what, fix) in _OTHER_WEIGHTS.items():
        if suffix in present:
            raise _fault("not_safetensors", f"{folder.name} has {what}.", fix)


def _check_config(folder: Path, config: Mapping[str, Any]) -> None:
    if "auto_map" in config:
        raise _fault(
            "remote_code_refused",
            f"{folder.name} needs Python code of its own to load (auto_map in config.json), and code that comes with a "
            "model is not run here.",
            "Choose a model whose architecture is part of the transformers library.",
        )
    if quantised := config.get("quantization_config"):
        method = str(quantised.get("quant_method") if isinstance(quantised, dict) else "") or "an unnamed method"
        raise _fault(
            "quantised",
            f"The weights of {folder.name} are quantised ({method[:40]}), which is for answering and not trained here.",
            "Choose the model that it was made from.",
        )
    if (folder / "adapter_config.json").is_file():
        raise _fault(
            "adapter_as_base",
            f"{folder.name} holds an adapter (adapter_config.json) beside a config.json, and transformers would load "
            "another model under it.",
            "Choose the whole model, or merge the two first.",
        )
    if (folder / "modules.json").is_file():
        raise _fault(
            "unknown_architecture",
            f"{folder.name} is an embedding model (modules.json of sentence-transformers): it writes no text.",
            "Choose a causal language model.",
        )


def _weight_files(folder: Path) -> list[Path]:
    """Return the files that transformers (5.23) loads: `model.safetensors`, else the index's shards."""
    single, index = folder / "model.safetensors", folder / INDEX
    if single.is_symlink() and not single.exists():
        fix = "Download the model again, or copy it with the files behind its links."
        raise _fault("not_safetensors", f"{single.name} is a link to a file that is gone.", fix)
    if single.is_file():
        return [single]
    if not index.is_file():
        _check_formats(folder)
        if any(folder.glob("*.safetensors")):
            fix = "Copy the index, too, or name a single file model.safetensors."
            message = f"{folder.name} has several safetensors files and no {INDEX} that says what is where."
            raise _fault("not_safetensors", message, fix)
        raise _fault("not_safetensors", f"{folder.name} has no weights.", "Copy the model's safetensors files, too.")
    weight_map = read_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise _fault("not_safetensors", f"{INDEX} names no weights.", "Copy the index again.")
    names = list(dict.fromkeys(str(name) for name in weight_map.values()))
    outside = [name for name in names if Path(name).name != name]
    if outside:
        message = f"{INDEX} names {outside[0][:80]!r}, which is outside of the directory."
        raise _fault("not_safetensors", message, "Choose a model that you trust.")
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        more = f" and {len(absent) - 1} more of its files" if len(absent) > 1 else ""
        message = f"{INDEX} names {absent[0]}{more}, which is not there."
        raise _fault("not_safetensors", message, "Copy the whole model.")
    return [folder / name for name in names]


def _check_index(folder: Path, files: list[Path], tensors: Mapping[str, str]) -> None:
    """Compare what an index says with what the shards hold."""
    if not (folder / INDEX).is_file() or len(files) == 1:
        return
    weight_map = read_object(folder / INDEX)["weight_map"]
    wrong = next((name for name, file in weight_map.items() if tensors.get(name) != file), None)
    if wrong is not None:
        message = f"{INDEX} says that {wrong[:120]} is in {weight_map[wrong]}, and it is not."
        raise _fault("not_safetensors", message, "Copy index and shards again, all of the same model.")


def _check_types(file: Path, header: Mapping[str, Mapping[str, Any]]) -> None:
    known = _TRAINED_TYPES | _COUNTED
    odd = next((name for name, each in header.items() if each.get("dtype") not in known), None)
    if odd is not None:
        raise _fault(
            "quantised",
            f"{odd[:120]} in {file.name} is held in {header[odd].get('dtype')}, a quantised type that is not trained.",
            "Choose the model in bfloat16 or float32.",
        )


def _check_tokenizer(folder: Path) -> None:
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        fix = "Copy tokenizer.json and tokenizer_config.json from where the model is from."
        raise _fault("no_tokenizer", f"{folder.name} has no tokenizer.", fix)
    if (folder / "tokenizer.json").is_file():
        read_object(folder / "tokenizer.json", largest=_LARGEST_TOKENIZER)
    template = folder / "chat_template.jinja"
    if template.is_file():
        try:
            template.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            message = f"chat_template.jinja is not UTF-8: its byte {error.start} cannot be read."
            raise _fault("bad_template", message, "Save the file as UTF-8.") from None


def read_object(path: Path, *, largest: int = LARGEST_JSON) -> dict[str, Any]:
    """Return the JSON object in a file of a model's directory.

    Raises:
        ModelFault: when there is none, with where it breaks off.
    """
    again = "Copy the file again from where the model is from."
    try:
        with path.open("rb") as stream:
            text = stream.read(largest + 1)
    except OSError as error:
        raise _fault("unreadable", f"{path.name} cannot be read: {error.strerror}.", again) from error
    if len(text) > largest:
        raise _fault("unreadable", f"{path.name} has more than {largest // 2**20} MiB, which none has.", again)
    if text.startswith(_POINTER):
        raise _pointer(path)
    try:
        value = json.loads(text, parse_constant=_not_finite)
    except UnicodeDecodeError as error:
        raise _fault("unreadable", f"{path.name} is not UTF-8: its byte {error.start} cannot be read.", again) from None
    except json.JSONDecodeError as error:
        whole = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
        what = "breaks off" if whole else f"is not JSON: {error.msg}"
        message = f"{path.name} {what} in line {error.lineno}, column {error.colno}."
        raise _fault("unreadable", message, again) from None
    except ValueError as error:
        fix = "Put a number in its place, as the model's authors have it."
        raise _fault("unreadable", f"{path.name} {error}.", fix) from None
    except RecursionError:
        raise _fault("unreadable", f"{path.name} is nested deeper than any that belongs to a model.", again) from None
    if not isinstance(value, dict):
        raise _fault("unreadable", f"{path.name} holds no JSON object.", again)
    return value


def _not_finite(name: str) -> float:
    raise ValueError(f"holds {name}, which is no number of JSON")


def read_header(file: Path) -> dict[str, dict[str, Any]]:
    """Return the tensors of a safetensors file, by name: dtype, shape and where each lies.

    Raises:
        ModelFault: when the header or the data are not whole.
    """
    again = "Copy the file again; compare its size with the original's."
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(_LENGTH)
        if (start + stream.read(len(_POINTER))).startswith(_POINTER):
            raise _pointer(file)
        length = int.from_bytes(start, "little")
        if len(start) < _LENGTH or length > min(size - _LENGTH, _LARGEST_HEADER):
            raise _fault("not_safetensors", f"{file.name} is cut inside its header.", again)
        stream.seek(_LENGTH)
        text = stream.read(length)
    try:
        value = json.loads(text)
        header = {name: each for name, each in value.items() if name != "__metadata__"}
        end = max((int(each["data_offsets"][1]) for each in header.values()), default=0)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise _fault("not_safetensors", f"The header of {file.name} is not one of safetensors.", again) from None
    if not header:
        raise _fault("not_safetensors", f"{file.name} holds no weights.", again)
    if _LENGTH + length + end > size:
        missing = _LENGTH + length + end - size
        raise _fault("not_safetensors", f"{file.name} is cut: its last {missing} bytes are missing.", again)
    return header


def _pointer(file: Path) -> ModelFault:
    fix = "Run git lfs pull in the model's directory, or download the files themselves."
    return _fault("not_safetensors", f"{file.name} is a pointer of Git LFS, not the file itself.", fix)


def _fault(code: str, message: str, fix: str) -> ModelFault:
    return ModelFault(code, message, fix)


def fingerprint(folder: Path) -> Iterator[tuple[str, int, int, str]]:
    """Yield what tells a directory's present state from a later one: names, sizes, times (ns), hashes of small files.

    Weights are told apart by size, time and header, which is read anew; nothing of them is.
    """
    for path in sorted(folder.iterdir()):
        if not path.is_file():
            continue
        seen = path.stat()
        with path.open("rb") as stream:
            bound = _HASHED
            if path.suffix == ".safetensors":
                bound = min(_LENGTH + int.from_bytes(stream.read(_LENGTH), "little"), _HASHED)
                stream.seek(0)
            content = hashlib.sha256(stream.read(bound)).hexdigest()
        yield path.name, seen.st_size, seen.st_mtime_ns, content
