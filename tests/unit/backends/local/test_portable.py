"""A model's folder leaves this machine without pickles and paths, also one that an earlier release left."""

import json
import pickle
from pathlib import Path

import pytest

from app.training.notes import NOTE
from app.training.portable import clean, is_handed_out, name_of
from tests.support import handed_out

BASE = "/srv/models/qwen-small"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    model.mkdir()
    base = {"id": f"path:{BASE}", "path": BASE, "root": f"path:{BASE}", "hub": None}
    (model / NOTE).write_text(json.dumps({"kind": "adapter", "base": base}), encoding="utf-8")
    (model / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": BASE, "r": 8}), encoding="utf-8")
    (model / "README.md").write_text(f"An adapter for `path:{BASE}`, in {BASE}.", encoding="utf-8")
    (model / "training_args.bin").write_bytes(pickle.dumps({"output_dir": BASE}))
    (model / "adapter_model.safetensors").write_bytes(b"weights")
    return model


def test_pickles_and_paths_go_and_the_note_stays_here(folder: Path) -> None:
    assert (
        len(handed_out.faults(((path.name, path.read_bytes()) for path in folder.iterdir()), paths=[Path(BASE)])) == 5
    )
    for _ in range(2):
        clean(folder)
        assert handed_out.faults(handed_out.of_folder(folder), paths=[Path(BASE)]) == []
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert config == {"base_model_name_or_path": "qwen-small", "r": 8}
    assert (folder / "README.md").read_text(encoding="utf-8") == "An adapter for `qwen-small`, in qwen-small."
    assert BASE in (folder / NOTE).read_text(encoding="utf-8")
    assert not is_handed_out(folder / NOTE)


@pytest.mark.parametrize(
    ("base", "name"),
    [(f"path:{BASE}", "qwen-small"), (BASE, "qwen-small"), ("hf:org/name", "hf:org/name"), ("org/name", "org/name"),
     ("builtin:starter", "builtin:starter"), ("run:job_1@7", "run:job_1@7")],
)  # fmt: skip
def test_a_directory_is_called_by_its_last_name(base: str, name: str) -> None:
    assert name_of(base) == name
