"""What a model is by its files: the same files are the same model, and weights are read once."""

import json
import os
from pathlib import Path

import pytest

from app.training.identity import Hashes, folders_of
from app.training.notes import NOTE

LARGE = 1_500_000


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(LARGE))
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "README.md").write_text("words", encoding="utf-8")
    return folder


def test_weights_are_read_once_and_again_when_they_change(tmp_path: Path, model: Path) -> None:
    hashes = Hashes(tmp_path / "hashes.jsonl")
    assert hashes.of_model([model], reading=False) is None
    first = hashes.of_model([model], reading=True)
    assert first is not None
    assert hashes.of_model([model], reading=False) == first
    weights = model / "model.safetensors"
    changed = weights.stat().st_mtime_ns + 1_000_000_000
    weights.write_bytes(b"\1" + bytes(LARGE - 1))
    os.utime(weights, ns=(changed, changed))
    assert hashes.of_model([model], reading=False) is None
    assert hashes.of_model([model], reading=True) not in {None, first}


def test_a_config_counts_and_what_is_said_of_the_model_does_not(tmp_path: Path, model: Path) -> None:
    hashes = Hashes(tmp_path / "hashes.jsonl")
    first = hashes.of_model([model], reading=True)
    (model / "README.md").write_text("other words", encoding="utf-8")
    (model / NOTE).write_text("{}", encoding="utf-8")
    assert hashes.of_model([model], reading=False) == first
    (model / "config.json").write_text('{"eos_token_id": 2}', encoding="utf-8")
    assert hashes.of_model([model], reading=False) not in {None, first}


def test_a_folder_that_is_gone_is_no_model(tmp_path: Path, model: Path) -> None:
    hashes = Hashes(tmp_path / "hashes.jsonl")
    assert hashes.of_model([model, tmp_path / "gone"], reading=True) is None
    assert hashes.of_model([], reading=True) is None


def test_half_a_line_of_a_process_that_died_is_passed_over(tmp_path: Path, model: Path) -> None:
    hashes = Hashes(tmp_path / "hashes.jsonl")
    hashes.file.write_text('{"path": "x", "si\n', encoding="utf-8")
    first = hashes.of_model([model], reading=True)
    assert hashes.of_model([model], reading=False) == first


def test_an_adapter_is_loaded_from_two_folders(tmp_path: Path, model: Path) -> None:
    adapter, hub = tmp_path / "adapter", tmp_path / "hub"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}", encoding="utf-8")
    (adapter / NOTE).write_text(json.dumps({"base": {"path": str(model)}}), encoding="utf-8")
    assert folders_of({"base": {"path": "elsewhere"}, "model": str(adapter)}, hub) == [adapter, model]
    assert folders_of({"base": {"path": str(model), "adapter": str(adapter)}}, hub) == [adapter, model]
    assert folders_of({"base": {"path": "elsewhere"}, "model": str(model)}, hub) == [model]


def test_a_model_of_the_hub_is_what_its_main_branch_was(tmp_path: Path) -> None:
    cached = tmp_path / "models--someone--small"
    assert folders_of({"base": {"hub": "someone/small"}}, tmp_path) is None
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0123abc", encoding="utf-8")
    assert folders_of({"base": {"hub": "someone/small"}}, tmp_path) == [cached / "snapshots" / "0123abc"]
