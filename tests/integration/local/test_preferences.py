"""Learning from preferences: a real DPO training, what it tells, and the script that does the same."""

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.backend import EvaluationObservation, EvaluationRequest
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobReason, JobSpec, JobStatus, Method
from app.domain.metrics import SERIES
from tests.support import local
from tests.support.local import Watched
from tests.support.waiting import until

pytestmark = pytest.mark.training
STEPS = 6
VALUES: dict[str, Hyperparameter] = {"n_epochs": 2, "batch_size": 8, "learning_rate": 2e-4, "beta": 0.2}
LORA: dict[str, Hyperparameter] = {"adapter": "lora", "lora_r": 4}


class Preferred:
    """A finished DPO training of the starter on a few pairs."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.backend, self.python = local.backend_over(folder / "runs", python), python
        self.rows = local.preferences(local.TRIAGE / "train.jsonl", 24, folder / "training.jsonl")
        self.validation = local.preferences(local.TRIAGE / "validation.jsonl", 8, folder / "validation.jsonl")
        wanted = local.request(self.backend, "job_1", [self.rows, self.validation], VALUES, method="dpo")
        self.watched = Watched(self.backend, self.backend.submit(wanted))
        self.last = self.watched.until_final()


@pytest.fixture(scope="module")
def preferred(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preferred]:
    folder = tmp_path_factory.mktemp("preferred")
    yield Preferred(folder, python)
    local.end_all(folder / "runs")


def spec(options: dict[str, Hyperparameter]) -> JobSpec:
    return JobSpec(
        project="prj_1", connection="con_local", base_model="builtin:starter", name="tuned", method=Method.DPO,
        training_dataset="ds_1", hyperparameters=VALUES, options=options, seed=0,
    )  # fmt: skip


@pytest.mark.slow
def test_the_chosen_answers_become_likelier(preferred: Preferred) -> None:
    watched = preferred.watched
    assert preferred.last.status is JobStatus.SUCCEEDED, preferred.last.message
    losses, validation = watched.series("train_loss"), watched.series("validation_loss")
    assert sorted(losses) == list(range(1, STEPS + 1))
    # Before the first step, model and reference are one: the loss is that of a coin (Rafailov et al. 2023, eq. 7).
    assert validation[0] == pytest.approx(math.log(2), abs=1e-5)
    assert losses[STEPS] < math.log(2)
    for name in (each.name for each in SERIES if "reward" in each.name):
        assert watched.series(name), name
    margins = watched.series("validation_reward_margin")
    assert margins[0] == pytest.approx(0, abs=1e-5)
    assert margins[STEPS] > 0


@pytest.mark.slow
def test_the_evaluation_counts_what_was_taught(preferred: Preferred) -> None:
    margins = {}
    for tag, model in (("evl_base", None), ("evl_tuned", "run:job_1")):
        wanted = EvaluationRequest(tag=tag, base_model="builtin:starter", model=model, rows=preferred.validation)
        preferred.backend.start_evaluation(wanted)
        seen = until(lambda tag=tag: over(preferred.backend, tag), doing="the evaluation's end")  # type: ignore[misc]
        assert seen.metrics is not None
        values = [row.margin for row in seen.rows if row.margin is not None]
        assert len(values) == len(seen.rows) == 8
        assert seen.metrics.margin == pytest.approx(sum(values) / 8)
        assert seen.metrics.preferred == sum(value > 0 for value in values) / 8
        assert seen.metrics.intervals.keys() >= {"preferred", "margin", "exact_match"}
        margins[tag] = seen.metrics.margin
    # TRL's reward margin is beta times what the model prefers more than its reference does.
    rewarded = preferred.watched.series("validation_reward_margin")[STEPS]
    assert VALUES["beta"] * (margins["evl_tuned"] - margins["evl_base"]) == pytest.approx(rewarded, rel=1e-3)  # type: ignore[operator]


def over(backend: LocalBackend, tag: str) -> EvaluationObservation | None:
    """Return a finished evaluation; None as long as it goes on."""
    seen = backend.observe_evaluation(tag)
    return seen if seen.status.is_final else None


@pytest.mark.slow
def test_the_pairs_are_shown_side_by_side(preferred: Preferred) -> None:
    shown = preferred.backend.first_batch(preferred.watched.job)
    assert [row.label for row in shown[:4]] == ["chosen", "rejected", "chosen", "rejected"]
    chosen, rejected = shown[0].pieces, shown[1].pieces
    assert chosen[0] == rejected[0]
    assert (chosen[0].learned, chosen[1].learned, rejected[1].learned) == (False, True, True)
    assert chosen[1].text != rejected[1].text


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, LORA], ids=["all weights", "lora"])
def test_the_script_runs_as_pasted_and_ends_at_the_same_loss(
    preferred: Preferred, tmp_path: Path, options: dict[str, Hyperparameter]
) -> None:
    backend, files = local.backend_over(tmp_path / "runs", preferred.python), [preferred.rows, preferred.validation]
    try:
        wanted = local.request(backend, "job_1", files, VALUES, method="dpo", options=options)
        watched = Watched(backend, backend.submit(wanted))
        assert watched.until_final().status is JobStatus.SUCCEEDED, watched.looks[-1].message
        text = backend.code("trl", spec(options), training_file=files[0], validation_file=files[1])
        (tmp_path / "script.py").write_text(text, encoding="utf-8")
        environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
        done = subprocess.run(
            [preferred.python, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        (state,) = (tmp_path / "tuned-checkpoints").glob(f"checkpoint-{STEPS}/trainer_state.json")
        history = json.loads(state.read_text(encoding="utf-8"))["log_history"]
        theirs = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
        assert theirs == pytest.approx(watched.series("train_loss"), rel=1e-6)
    finally:
        local.end_all(tmp_path / "runs")


@pytest.mark.slow
def test_rows_of_the_other_method_are_refused_with_a_sentence(backend: LocalBackend, tmp_path: Path) -> None:
    chats = local.head(local.TRIAGE / "train.jsonl", 8, tmp_path / "chats.jsonl")
    pairs = local.preferences(local.TRIAGE / "train.jsonl", 8, tmp_path / "pairs.jsonl")
    for number, (rows, method, said) in enumerate(
        [(chats, "dpo", "needs a chosen and a rejected answer"), (pairs, "sft", "Choose the method dpo")]
    ):
        wanted = local.request(backend, f"job_{number}", [rows], {"n_epochs": 1}, method=method)
        seen = Watched(backend, backend.submit(wanted)).until_final()
        assert (seen.status, seen.reason) == (JobStatus.FAILED, JobReason.INVALID_DATA)
        assert said in seen.message
