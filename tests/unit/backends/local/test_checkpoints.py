import json
import os
from pathlib import Path

import pytest

from app.training.checkpoints import SEAL, checkpoints, is_complete, newest_complete, seal

FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


def made(folder: Path, step: int) -> Path:
    """A checkpoint as transformers leaves it, small, and sealed."""
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    for name in FILES:
        (checkpoint / name).write_bytes(b"x" * 100)
    seal(checkpoint)
    return checkpoint


@pytest.mark.parametrize("name", [*FILES, SEAL])
def test_a_checkpoint_cut_short_anywhere_is_not_whole(tmp_path: Path, name: str) -> None:
    checkpoint = made(tmp_path, 5)
    assert is_complete(checkpoint)
    whole = (checkpoint / name).read_bytes()
    (checkpoint / name).write_bytes(whole[:-1])
    assert not is_complete(checkpoint)
    (checkpoint / name).unlink()
    assert not is_complete(checkpoint)


@pytest.mark.parametrize("reported", ["", "[]", '{"step": 5}', '{"step": 5, "files": {}}', '{"step": 5, "files": 1}'])
def test_a_seal_that_names_nothing_seals_nothing(tmp_path: Path, reported: str) -> None:
    checkpoint = made(tmp_path, 5)
    (checkpoint / SEAL).write_text(reported, encoding="utf-8")
    assert not is_complete(checkpoint)


def test_the_seal_of_another_step_does_not_count(tmp_path: Path) -> None:
    checkpoint = made(tmp_path, 5)
    assert not is_complete(checkpoint.rename(tmp_path / "checkpoint-6"))


def test_a_seal_names_every_file_with_its_size(tmp_path: Path) -> None:
    checkpoint = made(tmp_path, 5)
    reported = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
    assert reported == {"step": 5, "files": dict.fromkeys(sorted(FILES), 100)}


def test_the_newest_whole_one_is_taken_and_halves_are_removed(tmp_path: Path) -> None:
    made(tmp_path, 4)
    made(tmp_path, 10)
    (made(tmp_path, 12) / SEAL).unlink()
    os.mkfifo(made(tmp_path, 14) / "late.bin")  # a file that is being written; nobody may wait for it
    (tmp_path / "checkpoint-14" / SEAL).unlink()
    assert newest_complete(tmp_path) == tmp_path / "checkpoint-10"
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-4", "checkpoint-10"]
    assert newest_complete(tmp_path / "none") is None
