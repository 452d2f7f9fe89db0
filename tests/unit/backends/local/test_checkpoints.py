import json
import struct
import zipfile
from pathlib import Path

import pytest

from app.backends.local.children.checkpoints import checkpoints, is_complete, newest_complete


def made(folder: Path, step: int) -> Path:
    """A checkpoint as transformers leaves it, small."""
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (checkpoint / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        with zipfile.ZipFile(checkpoint / name, "w") as archive:
            archive.writestr("data.pkl", b"x" * 100)
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}), encoding="utf-8")
    return checkpoint


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]
)
def test_a_checkpoint_cut_short_anywhere_is_not_whole(tmp_path: Path, name: str) -> None:
    checkpoint = made(tmp_path, 5)
    assert is_complete(checkpoint)
    whole = (checkpoint / name).read_bytes()
    (checkpoint / name).write_bytes(whole[:-1])
    assert not is_complete(checkpoint)
    (checkpoint / name).unlink()
    assert not is_complete(checkpoint)


def test_the_state_of_another_step_does_not_count(tmp_path: Path) -> None:
    checkpoint = made(tmp_path, 5)
    assert not is_complete(checkpoint.rename(tmp_path / "checkpoint-6"))


def test_the_newest_whole_one_is_taken_and_halves_are_removed(tmp_path: Path) -> None:
    made(tmp_path, 4)
    made(tmp_path, 10)
    (made(tmp_path, 12) / "trainer_state.json").unlink()
    assert newest_complete(tmp_path) == tmp_path / "checkpoint-10"
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-4", "checkpoint-10"]
    assert newest_complete(tmp_path / "none") is None
