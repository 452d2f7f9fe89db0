"""One real training of the starter, which most of these tests look at from different sides."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.backend import JobObservation
from app.domain.hyperparameters import Hyperparameter
from tests.support import local
from tests.support.local import Watched

# Enough for four checkpoints and a model that has learned something, in seconds.
ROWS, VALIDATION_ROWS, EPOCHS, STEPS_PER_EPOCH = 60, 24, 4, 4
VALUES: dict[str, Hyperparameter] = {
    "n_epochs": EPOCHS,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "warmup_steps": 2,
    "lr_scheduler": "linear",
    "max_grad_norm": 0.9,
    "adam_beta1": 0.85,
    "keep_checkpoints": 2,
}


@dataclass(frozen=True)
class Trained:
    """A finished training, with everything it told on the way."""

    backend: LocalBackend
    python: Path
    folder: Path
    training_rows: Path
    validation_rows: Path
    watched: Watched
    last: JobObservation

    @property
    def run(self) -> Path:
        return self.folder / "runs" / "job_1"


@pytest.fixture(scope="session")
def python() -> Path:
    """The runtime's interpreter."""
    return local.runtime_python()


@pytest.fixture(scope="session")
def trained(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """The starter, trained for four epochs on 60 rows of the sample."""
    folder = tmp_path_factory.mktemp("trained")
    rows = local.head(local.TRIAGE / "train.jsonl", ROWS, folder / "training.jsonl")
    validation = local.head(local.TRIAGE / "validation.jsonl", VALIDATION_ROWS, folder / "validation.jsonl")
    backend = local.backend_over(folder / "runs", python)
    job = backend.submit(local.request(backend, "job_1", [rows, validation], VALUES))
    watched = Watched(backend, job)
    yield Trained(backend, python, folder, rows, validation, watched, watched.until_final())
    local.end_all(folder / "runs")


@pytest.fixture
def backend(tmp_path: Path, python: Path) -> Iterator[LocalBackend]:
    """A backend over an empty folder, with the real runtime."""
    yield local.backend_over(tmp_path / "runs", python)
    local.end_all(tmp_path / "runs")
