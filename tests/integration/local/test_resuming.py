"""Killed inside a checkpoint write, at one file after another: the same losses and weights as if nothing had been."""

from pathlib import Path

import pytest

from app.domain.hyperparameters import Hyperparameter
from tests.support import killing, local
from tests.support.killing import Killing
from tests.support.local import Watched

pytestmark = [pytest.mark.training, pytest.mark.slow]
STEPS_PER_EPOCH = 12
VALUES: dict[str, Hyperparameter] = {
    "n_epochs": 3,
    "batch_size": 2,
    "learning_rate": 1e-3,
    "warmup_steps": 2,
    "keep_checkpoints": 2,
}
LORA: dict[str, Hyperparameter] = {"adapter": "lora", "lora_r": 4, "lora_alpha": 8}


@pytest.mark.parametrize("method", ["sft", "dpo"])
@pytest.mark.parametrize("options", [{}, LORA], ids=["all weights", "lora"])
def test_killed_at_every_file_it_ends_as_if_nothing_had_been(
    tmp_path: Path, python: Path, method: str, options: dict[str, Hyperparameter]
) -> None:
    make = local.preferences if method == "dpo" else local.head
    files = [
        make(local.TRIAGE / f"{name}.jsonl", count, tmp_path / f"{name}.jsonl")
        for name, count in (("train", 2 * STEPS_PER_EPOCH), ("validation", 8))
    ]
    # With dropout, the generator of random numbers has to be taken up, too; preferences are learned without.
    values = VALUES | ({"dropout": 0.1} if method == "sft" else {})
    try:
        calm_backend = local.backend_over(tmp_path / "calm", python)
        wanted = local.request(calm_backend, "job_1", files, values, method=method, options=options)
        calm = Watched(calm_backend, calm_backend.submit(wanted))
        assert calm.until_final().fine_tuned_model == "run:job_1", calm.looks[-1].message
        runs = tmp_path / "killed"
        hit = Killing(local.backend_over(runs, python), runs, files, values, method=method, options=options)
        watched = None
        for name in (killing.WEIGHTS[hit.adapter], *killing.LATER):
            if watched is not None:
                hit.is_taken_up(watched)
            watched = hit.killed_while_writing(name, step=2 * STEPS_PER_EPOCH, watched=watched)
        assert watched is not None
        hit.goes_on(watched)
        assert watched.begun == 2 + len(killing.LATER)
        for series in ("train_loss", "validation_loss"):
            assert watched.series(series) == calm.series(series)
        weights = calm_backend.model_files("run:job_1") / killing.WEIGHTS[hit.adapter]
        assert hit.weights() == weights.read_bytes()
    finally:
        local.end_all(tmp_path / "calm")
        local.end_all(tmp_path / "killed")
