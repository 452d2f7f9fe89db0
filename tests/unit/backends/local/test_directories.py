import json
from pathlib import Path

import pytest

from app.backends.local import directories
from app.domain.backend import Rejected

INDEX = "model.safetensors.index.json"


def weights(file: Path, **shapes: list[int]) -> None:
    """Write a file of weights: its header is whole, and the tensors are zeros."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4
        for each in shape:
            size *= each
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    return tmp_path


def test_parameters_are_counted_from_the_shapes(folder: Path) -> None:
    weights(folder / "model.safetensors", a=[3, 4], b=[5])
    assert directories.parameters(folder) == 17
    assert directories.weight_bytes(folder) == (folder / "model.safetensors").stat().st_size


def test_of_shards_those_of_the_index_count_and_no_second_copy(folder: Path) -> None:
    weights(folder / "model-1.safetensors", a=[3, 4])
    weights(folder / "model-2.safetensors", b=[5])
    weights(folder / "consolidated.safetensors", a=[3, 4], b=[5])
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}))
    assert directories.parameters(folder) == 17
    assert [file.name for file in directories.weight_files(folder)] == ["model-1.safetensors", "model-2.safetensors"]


def test_a_shard_that_is_not_there_is_named(folder: Path) -> None:
    weights(folder / "model-1.safetensors", a=[3, 4])
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}))
    with pytest.raises(Rejected, match=r"lacks model-2\.safetensors, which its model\.safetensors\.index\.json names"):
        directories.checked_directory(str(folder))


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq"])
def test_quantised_weights_are_not_trained(folder: Path, method: str) -> None:
    (folder / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": method}}))
    assert method in directories.unusable_reason(folder)


def test_an_adapter_beside_a_config_is_no_whole_model(folder: Path) -> None:
    assert directories.unusable_reason(folder) == ""
    (folder / "adapter_config.json").write_text("{}")
    assert "adapter" in directories.unusable_reason(folder)


@pytest.mark.parametrize(
    "written",
    [
        b"",
        bytes(100),
        b"\xff" * 100,
        (9).to_bytes(8, "little") + b'{"a": [3]',
        (14).to_bytes(8, "little") + b'{"a": "shape"}',
    ],
)
def test_what_is_no_weights_has_no_parameters(folder: Path, written: bytes) -> None:
    (folder / "model.safetensors").write_bytes(written)
    assert directories.parameters(folder) == 0


@pytest.mark.parametrize("name", ["config.json", INDEX])
def test_a_file_larger_than_any_model_has_is_not_read(folder: Path, name: str) -> None:
    weights(folder / "a.safetensors", a=[2])
    with (folder / name).open("wb") as file:
        file.write(b'{"weight_map": {"a": "b.safetensors"}, "quantization_config": {"quant_method": "x"}}')
        file.truncate(17 * 2**20)
    assert directories.read(folder / name) == {}
    assert directories.checked_directory(str(folder)) == folder
