"""A real training through the backend: what it tells, what it leaves, and that a kill costs nothing but time."""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from app.domain.backend import NotFound
from app.domain.jobs import JobSpec, JobStatus
from app.kit.clock import SystemClock
from app.training.checkpoints import is_complete
from tests.integration.local.conftest import EPOCHS, STEPS_PER_EPOCH, VALUES, Trained
from tests.support import local
from tests.support.clock import TurnedClock
from tests.support.killing import Killing
from tests.support.local import Watched
from tests.support.waiting import until

pytestmark = pytest.mark.training
STEPS = EPOCHS * STEPS_PER_EPOCH


def test_it_ends_with_a_model_and_a_falling_loss(trained: Trained) -> None:
    assert (trained.last.status, trained.last.fine_tuned_model) == (JobStatus.SUCCEEDED, "run:job_1")
    losses, validation = trained.watched.series("train_loss"), trained.watched.series("validation_loss")
    assert sorted(losses) == list(range(1, STEPS + 1))
    assert sorted(validation) == [0, *range(STEPS_PER_EPOCH, STEPS + 1, STEPS_PER_EPOCH)]  # 0: the untrained model
    assert min(validation.values()) < validation[0] / 2
    assert losses[STEPS] < losses[1] / 2
    for name in ("learning_rate", "grad_norm", "tokens_per_second"):
        assert sorted(trained.watched.series(name)) == list(range(1, STEPS + 1))
    accuracy, held_out = (trained.watched.series(f"{part}_token_accuracy") for part in ("train", "validation"))
    assert accuracy.keys() == losses.keys()
    assert held_out.keys() == validation.keys()
    assert all(0 <= share <= 1 for share in [*accuracy.values(), *held_out.values()])


def test_the_checkpoint_of_least_validation_loss_is_marked_and_older_ones_go(trained: Trained) -> None:
    reported = trained.watched.checkpoints
    validation = trained.watched.series("validation_loss")
    del validation[0]
    best = min(validation, key=lambda step: validation[step])
    assert [checkpoint.step for checkpoint in reported] == sorted(validation)
    assert [checkpoint.step for checkpoint in reported if checkpoint.best] == [best]
    assert {checkpoint.step: checkpoint.validation_loss for checkpoint in reported} == validation
    assert sum(checkpoint.present for checkpoint in reported) == 2


def test_people_are_reported_what_happens(trained: Trained) -> None:
    reported = trained.watched.messages
    assert "The loss is on the assistant's turns." in reported
    assert any(
        re.fullmatch(r"60 rows with \d+ tokens; \d+ of them are learned from, in each epoch\.", text)
        for text in reported
    )
    assert f"Training from step 0 to {STEPS}." in reported
    progress = trained.last.progress
    assert progress is not None
    assert (progress.step, progress.steps, progress.share, progress.eta_s) == (STEPS, STEPS, 1.0, 0.0)


def test_the_values_sent_are_the_arguments_that_trl_saved(trained: Trained) -> None:
    names = {
        "n_epochs": "num_train_epochs",
        "batch_size": "per_device_train_batch_size",
        "learning_rate": "learning_rate",
        "weight_decay": "weight_decay",
        "warmup_steps": "warmup_steps",
        "lr_scheduler": "lr_scheduler_type",
        "max_grad_norm": "max_grad_norm",
        "adam_beta1": "adam_beta1",
        "adam_beta2": "adam_beta2",
        "max_length": "max_length",
        "optimizer": "optim",
        "loss_type": "loss_type",
        "gradient_accumulation_steps": "gradient_accumulation_steps",
        "activation_checkpointing": "activation_checkpointing",
        "keep_checkpoints": "save_total_limit",
        "seed": "seed",
    }
    saved = json.loads((trained.run / "training_args.json").read_text(encoding="utf-8"))
    sent = trained.watched.sent
    assert {name: saved[theirs] for name, theirs in names.items()} == {name: sent[name] for name in names}
    assert {name: sent[name] for name in VALUES} == VALUES


def test_the_same_questions_are_answered_each_time_it_is_measured(trained: Trained) -> None:
    reported = [sample for look in trained.watched.looks for sample in look.samples]
    steps = sorted({sample.step for sample in reported})
    assert steps == [0, *range(STEPS_PER_EPOCH, STEPS + 1, STEPS_PER_EPOCH)]
    asked = {step: [(each.prompt, each.expected) for each in reported if each.step == step] for step in steps}
    assert len(set(map(tuple, asked.values()))) == 1
    rows = [json.loads(line)["messages"] for line in trained.validation_rows.read_text("utf-8").splitlines()]
    assert set(asked[0]) <= {(turns[1]["content"], turns[2]["content"]) for turns in rows}
    assert len(asked[0]) == 3
    answers = {step: [each.answer for each in reported if each.step == step] for step in steps}
    assert answers[0] != answers[STEPS], "four epochs changed nothing"


def test_the_first_batch_is_shown_as_the_model_sees_it(trained: Trained) -> None:
    shown = trained.backend.first_batch(trained.watched.job)
    assert len(shown) == 8
    rows = [json.loads(line)["messages"] for line in trained.training_rows.read_text("utf-8").splitlines()]
    answers = {turns[-1]["content"] for turns in rows}
    for row in shown:
        before, answer = row.pieces
        assert (before.learned, answer.learned) == (False, True)
        assert before.text.startswith("<|system|>")
        assert answer.text.removesuffix("<|end|>\n") in answers
        assert 0 < row.learned < row.tokens


def test_the_model_is_whole_and_has_a_card(trained: Trained) -> None:
    folder = trained.backend.model_files("run:job_1")
    names = {path.name for path in folder.iterdir()}
    assert names >= {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", "README.md"}
    assert not any(name.endswith((".pt", ".pth")) for name in names)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| learning_rate | 0.001 |" in card
    assert "builtin:starter" in card
    for rows in (trained.training_rows, trained.validation_rows):
        assert hashlib.sha256(rows.read_bytes()).hexdigest() in card
    assert trained.last.model_size_bytes == sum(path.stat().st_size for path in folder.iterdir())


def test_a_checkpoint_becomes_a_model_of_its_own(trained: Trained) -> None:
    job = trained.watched.job
    step = next(one.step for one in reversed(trained.watched.checkpoints) if one.present)
    name = trained.backend.model_from_checkpoint(job, str(step))
    assert trained.backend.model_from_checkpoint(job, str(step)) == name == f"run:job_1@{step}"
    folder = trained.backend.model_files(name)
    assert {path.name for path in folder.iterdir()} >= {"model.safetensors", "config.json", "tokenizer.json"}
    assert not (folder / "optimizer.pt").exists()
    assert f"the checkpoint of step {step}, validation loss" in (folder / "README.md").read_text(encoding="utf-8")
    trained.backend.discard_model(name)
    trained.backend.discard_model(name)
    with pytest.raises(NotFound):
        trained.backend.model_files(name)
    with pytest.raises(NotFound, match="no complete checkpoint"):
        trained.backend.model_from_checkpoint(job, "9999")


def test_the_next_estimate_is_measured_on_this_machine(trained: Trained) -> None:
    found = trained.backend.estimate(spec(), rows=60, tokens=3500, validation_rows=24)
    assert found.basis.startswith("Measured on this machine")
    assert (found.steps, found.tokens) == (STEPS, 3500 * EPOCHS)
    assert found.duration_s is not None
    assert 1 < found.duration_s < 120


@pytest.mark.slow
def test_the_script_runs_as_pasted_and_ends_at_the_same_loss(trained: Trained, tmp_path: Path) -> None:
    code = trained.backend.code(
        "trl", spec(), training_file=trained.training_rows, validation_file=trained.validation_rows
    )
    (tmp_path / "script.py").write_text(code, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [trained.python, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (state,) = [path for path in tmp_path.glob("*-checkpoints/*/trainer_state.json") if f"-{STEPS}/" in str(path)]
    history = json.loads(state.read_text(encoding="utf-8"))["log_history"]
    theirs = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
    validation = {entry["step"]: entry["eval_loss"] for entry in history if "eval_loss" in entry}
    assert theirs == pytest.approx(trained.watched.series("train_loss"), rel=1e-6)
    ours = trained.watched.series("validation_loss")
    assert validation == pytest.approx({step: ours[step] for step in validation}, rel=1e-6)
    assert (tmp_path / "triage" / "model.safetensors").exists()


@pytest.mark.slow
def test_killed_inside_a_checkpoint_write_it_goes_on_to_the_very_same_weights(trained: Trained, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    wanted = [trained.training_rows, trained.validation_rows]
    killing = Killing(local.backend_over(runs, trained.python), runs, wanted, VALUES)
    try:
        # The second of four checkpoints: the first one is whole, and what the second one has is worth nothing.
        watched = killing.killed_while_writing("optimizer.pt", step=2 * STEPS_PER_EPOCH)
        assert [path.name for path in (runs / "job_1" / "checkpoints").iterdir() if is_complete(path)] == [
            f"checkpoint-{STEPS_PER_EPOCH}"
        ]
        killing.goes_on(watched)
        assert f"Going on from the checkpoint of step {STEPS_PER_EPOCH}." in watched.messages
        assert watched.series("train_loss") == trained.watched.series("train_loss")
        assert watched.series("validation_loss") == trained.watched.series("validation_loss")
        assert killing.weights() == (trained.run / "model" / "model.safetensors").read_bytes()
    finally:
        local.end_all(runs)


def test_cancelled_it_saves_its_work_first_and_meanwhile_it_stepped_back(trained: Trained, tmp_path: Path) -> None:
    clock = TurnedClock(SystemClock().now())  # stands still: however slow the machine, nobody loses patience and kills
    backend = local.backend_over(tmp_path / "runs", trained.python, niceness=7, clock=clock)
    values = {**VALUES, "n_epochs": 100}
    wanted = local.request(backend, "job_1", [trained.training_rows], values)
    watched = Watched(backend, backend.submit(wanted))
    until(lambda: watched.look().metrics, doing="the first step")
    process = json.loads((tmp_path / "runs" / "job_1" / "process.json").read_text(encoding="utf-8"))
    assert os.getpriority(os.PRIO_PROCESS, process["pid"]) == os.getpriority(os.PRIO_PROCESS, 0) + 7
    backend.cancel(watched.job)
    seen = watched.until_final()
    local.end_all(tmp_path / "runs")
    assert seen.status is JobStatus.CANCELLED
    reported = watched.checkpoints
    assert reported[-1].step == max(watched.series("train_loss"))
    assert reported[-1].present
    assert seen.raw_status == "stopped"


def spec() -> JobSpec:
    return JobSpec(
        project="prj_1",
        connection="con_local",
        base_model="builtin:starter",
        name="triage",
        training_dataset="ds_1",
        hyperparameters=VALUES,
        seed=0,
    )
