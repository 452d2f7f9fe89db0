"""Ends before the last step: asked for, or because the disk runs low; and turns that are shown and not learned."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.backend import RemoteJob
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobReason, JobSpec, JobStatus
from app.training import run_lock
from tests.support import local
from tests.support.local import Watched
from tests.support.waiting import until

pytestmark = pytest.mark.training
VALUES: dict[str, Hyperparameter] = {"n_epochs": 50, "batch_size": 8, "learning_rate": 1e-3}


def files(folder: Path) -> list[Path]:
    return [
        local.head(local.TRIAGE / f"{name}.jsonl", count, folder / f"{name}.jsonl")
        for name, count in (("train", 32), ("validation", 8))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("often", [1, 2], ids=["by epochs", "by steps"])
def test_stopped_early_the_best_checkpoint_is_the_model(backend: LocalBackend, tmp_path: Path, often: int) -> None:
    values = VALUES | {"checkpoints_per_epoch": often}
    watched = Watched(backend, backend.submit(local.request(backend, "job_1", files(tmp_path), values)))
    until(lambda: watched.look().checkpoints, within=600.0, doing="the first checkpoint")
    backend.stop_early(watched.job)
    backend.stop_early(watched.job)
    seen = watched.until_final()
    assert (seen.status, seen.fine_tuned_model) == (JobStatus.SUCCEEDED, "run:job_1"), seen.message
    last = max(watched.series("train_loss"))
    assert last < 50 * 4
    assert seen.message.startswith(f"Stopped early as asked, after step {last} of 200. The model is the checkpoint")
    # What it had learned last was measured and saved, too.
    assert last in watched.series("validation_loss")
    assert watched.checkpoints[-1].step == last
    best = next(one for one in watched.checkpoints if one.best)
    model, checkpoint = (
        (tmp_path / "runs" / "job_1" / where / "model.safetensors").read_bytes()
        for where in ("model", f"checkpoints/checkpoint-{best.step}")
    )
    assert model == checkpoint


@pytest.mark.slow
def test_killed_while_it_stops_it_goes_on_and_stops(backend: LocalBackend, tmp_path: Path) -> None:
    watched = Watched(backend, backend.submit(local.request(backend, "job_1", files(tmp_path), VALUES)))
    until(lambda: watched.look().checkpoints, within=600.0, doing="the first checkpoint")
    local.kill(tmp_path / "runs" / "job_1")
    backend.stop_early(watched.job)
    assert watched.until_final().interrupted
    backend.resume(watched.job)
    seen = until(lambda: watched.until_final() if not watched.look().interrupted else None, within=600.0)
    assert seen.status is JobStatus.SUCCEEDED, seen.message
    assert seen.message.startswith("Stopped early as asked")


@pytest.mark.slow
def test_where_the_disk_runs_low_it_ends_with_a_checkpoint(backend: LocalBackend, tmp_path: Path) -> None:
    runs = backend.context.runs
    backend.submit(local.request(backend, "job_1", files(tmp_path), VALUES))
    until(lambda: run_lock.read_whole(tmp_path / "runs" / "job_1" / run_lock.SPEC))
    spec = run_lock.read_whole(tmp_path / "runs" / "job_1" / run_lock.SPEC)
    assert spec is not None
    backend.cancel(RemoteJob("job_1"))
    runs.start("job_2", {**spec, "reserve": 10**18})  # no disk has so much room
    watched = Watched(backend, RemoteJob("job_2"))
    seen = watched.until_final()
    assert (seen.status, seen.reason, seen.interrupted) == (JobStatus.FAILED, JobReason.DISK_FULL, False)
    assert seen.message.startswith("The disk runs low")
    assert [(one.step, one.present) for one in watched.checkpoints] == [(1, True)]
    assert backend.model_from_checkpoint(watched.job, "1") == "run:job_2@1"


def two_answers(path: Path) -> Path:
    """Write conversations of two answers, of which only the second is to be learned."""
    lines = (local.TRIAGE / "train.jsonl").read_text(encoding="utf-8").splitlines()[:9]
    rows = []
    for first, second in pairwise(json.loads(line)["messages"] for line in lines):
        aside = {**first[2], "weight": 0}
        rows.append(json.dumps({"messages": [*first[:2], aside, *second[1:]]}))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.slow
def test_turns_of_weight_0_are_shown_and_not_learned(backend: LocalBackend, tmp_path: Path, python: Path) -> None:
    rows = two_answers(tmp_path / "rows.jsonl")
    values: dict[str, Hyperparameter] = {"n_epochs": 1, "batch_size": 8, "learning_rate": 1e-3}
    watched = Watched(backend, backend.submit(local.request(backend, "job_1", [rows], values)))
    assert watched.until_final().status is JobStatus.SUCCEEDED, watched.looks[-1].message
    assert "The loss is on the assistant's turns. Turns of weight 0 are shown and not learned." in watched.messages
    reported = [json.loads(line)["messages"] for line in rows.read_text(encoding="utf-8").splitlines()]
    shown = backend.first_batch(watched.job)
    pairs = {(turns[2]["content"], turns[4]["content"]) for turns in reported}
    for row in shown:
        before, learned = row.pieces
        assert (before.learned, learned.learned) == (False, True)
        assert any(
            f"<|assistant|>\n{first}<|end|>" in before.text and learned.text.startswith(second)
            for first, second in pairs
        )
    script = backend.code("trl", spec(values), training_file=rows, validation_file=None)
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [python, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (state,) = (tmp_path / "tuned-checkpoints").glob("*/trainer_state.json")
    history = json.loads(state.read_text(encoding="utf-8"))["log_history"]
    theirs = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
    assert theirs == pytest.approx(watched.series("train_loss"), rel=1e-6)


def spec(values: dict[str, Hyperparameter]) -> JobSpec:
    return JobSpec(
        project="prj_1", connection="con_local", base_model="builtin:starter", name="tuned", training_dataset="ds_1",
        hyperparameters=values, seed=0,
    )  # fmt: skip
