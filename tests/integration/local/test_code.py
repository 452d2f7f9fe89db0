"""The script that a person is handed teaches the same tokens, ends at the same losses and saves the same configs."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec, JobStatus
from tests.integration.local import case_rows
from tests.support import local
from tests.support.local import Watched

pytestmark = pytest.mark.training
VALUES: dict[str, Hyperparameter] = {"n_epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 0}
LORA: dict[str, Hyperparameter] = {"adapter": "lora", "lora_r": 4}
CONFIGS = ("generation_config.json", "tokenizer_config.json", "chat_template.jinja", "tokenizer.json")


def spec(base: str, **more: Hyperparameter) -> JobSpec:
    return JobSpec(
        project="prj_1", connection="con_local", base_model=base, name="tuned", training_dataset="ds_1",
        hyperparameters={**VALUES, **more}, options=LORA, seed=0,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("learned", ["all", "last"])
def test_ten_rows_are_the_same_tokens_by_script_and_job(
    backend: LocalBackend, tmp_path: Path, python: Path, learned: str
) -> None:
    two = [
        {"messages": [*first["messages"], *second["messages"]]}
        for first, second in zip(case_rows.chats(5), reversed(case_rows.chats(5)), strict=True)
    ]
    two[1]["messages"][1]["weight"] = 0
    rows = case_rows.write([*case_rows.chats(5), *two], tmp_path / "rows.jsonl")
    text = backend.code("trl", spec("builtin:starter", learn_turns=learned), training_file=rows, validation_file=None)
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    families = ("chatml-base", "hybrid-thinking", "transcript")
    command = [str(python), "-m", "tests.integration.local.rendered_twice", str(tmp_path / "script.py"), *families]
    done = subprocess.run(command, cwd=local.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 1 + len(families)
    for script, job, ends in found:
        assert len({example["line"] for example in script}) == 10
        assert script == job
        runs = [sum(token >= 0 > before for before, token in pairwise(one["labels"])) for one in job]
        assert max(runs) == 1 or learned == "all"  # answers that are learned in one sequence
        assert ends[0] == ends[1] is not None


@pytest.mark.slow
@pytest.mark.parametrize("base", ["chatml-base", "starter"])
def test_a_chat_job_with_an_adapter_runs_as_pasted(
    backend: LocalBackend, tmp_path: Path, python: Path, base: str
) -> None:
    name = "builtin:starter"
    if base != "starter":
        command = [str(python), "-m", "tests.families.faulty", str(tmp_path), base]
        subprocess.run(command, cwd=local.ROOT, check=True, capture_output=True)
        name = f"path:{tmp_path / base}"
    rows = case_rows.write(case_rows.chats(24), tmp_path / "rows.jsonl")
    wanted = local.request(backend, "job_1", [rows, rows], VALUES, base_model=name, options=LORA)
    watched = Watched(backend, backend.submit(wanted))
    assert watched.until_final().status is JobStatus.SUCCEEDED, watched.looks[-1].message
    text = backend.code("trl", spec(name), training_file=rows, validation_file=rows)
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [python, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    states = sorted(
        (tmp_path / "tuned-checkpoints").glob("*/trainer_state.json"), key=lambda path: path.stat().st_mtime
    )
    history = json.loads(states[-1].read_text(encoding="utf-8"))["log_history"]
    for theirs, ours in (("loss", "train_loss"), ("eval_loss", "validation_loss")):
        own = {entry["step"]: entry[theirs] for entry in history if theirs in entry}
        job = watched.series(ours)
        assert own == pytest.approx({step: job[step] for step in own}, rel=1e-6), theirs
        assert max(own) == max(job)
    saved, made = tmp_path / "tuned", tmp_path / "runs" / "job_1" / "model"
    for config in CONFIGS:
        assert (saved / config).read_text(encoding="utf-8") == (made / config).read_text(encoding="utf-8"), config
