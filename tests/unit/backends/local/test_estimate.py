"""What a training will take: tokens for their arithmetic, and batches for what each costs however few tokens it has."""

import json
import sys
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec
from tests.support import local

ROWS, TOKENS = 400, 10_000  # of one epoch
OVERHEAD_S = 5.0


def spec(**values: Hyperparameter) -> JobSpec:
    return JobSpec(
        project="prj_1",
        connection="con_local",
        base_model="builtin:starter",
        name="triage",
        training_dataset="ds_1",
        hyperparameters={"n_epochs": 2, "batch_size": 4, **values},
        seed=0,
    )


def estimated(backend: LocalBackend, **values: Hyperparameter) -> float:
    found = backend.estimate(spec(**values), rows=ROWS, tokens=TOKENS, validation_rows=0)
    assert found.duration_s is not None
    return found.duration_s


def leave(backend: LocalBackend, *, tokens: int, working_s: float, batches: int | None, base: str, size: int) -> None:
    """Leave a line behind as a training does; before batches were counted there were none in it."""
    line = {
        "base": base,
        "adapter": "none",
        "parameters": size,
        "tokens_per_second": tokens / working_s,
        "overhead_s": OVERHEAD_S,
    }
    counted = {} if batches is None else {"batches": batches, "working_s": working_s}
    rates = backend.context.runs.root / "rates.jsonl"
    rates.parent.mkdir(parents=True, exist_ok=True)
    rates.write_text(json.dumps(line | counted) + "\n", encoding="utf-8")


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return local.backend_over(tmp_path / "runs", Path(sys.executable))


def test_a_first_training_of_a_small_model_is_given_time_for_its_batches(backend: LocalBackend) -> None:
    few, many = estimated(backend, batch_size=100), estimated(backend, batch_size=4)
    assert many - few == pytest.approx((200 - 8) * 0.015, abs=0.2)  # tokens are the same


def test_the_same_training_is_estimated_as_it_was_measured(backend: LocalBackend) -> None:
    leave(backend, tokens=2 * TOKENS, working_s=20.0, batches=200, base="builtin:starter", size=1_670_000)
    assert estimated(backend) == pytest.approx(OVERHEAD_S + 20, abs=0.2)
    assert estimated(backend, n_epochs=4) == pytest.approx(OVERHEAD_S + 40, abs=0.2)


def test_batches_faster_than_assumed_are_no_reason_for_more_than_was_measured(backend: LocalBackend) -> None:
    leave(backend, tokens=2 * TOKENS, working_s=1.0, batches=200, base="builtin:starter", size=1_670_000)
    assert estimated(backend) == pytest.approx(OVERHEAD_S + 1, abs=0.2)


def test_accumulated_batches_count_each(backend: LocalBackend) -> None:
    leave(backend, tokens=2 * TOKENS, working_s=20.0, batches=200, base="builtin:starter", size=1_670_000)
    assert estimated(backend, gradient_accumulation_steps=8) == estimated(backend)


def test_only_arithmetic_is_scaled_by_size(backend: LocalBackend) -> None:
    small = backend.context.models.one("builtin:starter").parameters
    assert small is not None
    leave(backend, tokens=2 * TOKENS, working_s=3.5, batches=200, base="path:/models/tiny", size=small // 10)
    # Of 3.5 s, 200 batches took 3 and the tokens 0.5: those take ten times as long in a model ten times as large.
    assert estimated(backend) == pytest.approx(12.0 + 3 + 5, abs=0.3)


def test_lines_from_before_batches_were_counted_say_what_they_said(backend: LocalBackend) -> None:
    leave(backend, tokens=2 * TOKENS, working_s=20.0, batches=None, base="builtin:starter", size=1_670_000)
    assert estimated(backend) == pytest.approx(OVERHEAD_S + 20, abs=0.2)
