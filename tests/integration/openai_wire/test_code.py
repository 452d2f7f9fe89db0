"""A job shown as code for the provider runs as pasted there, and sends what TuneDesk itself would send."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.backend import DataRejected
from app.domain.jobs import JobSpec, Method
from tests.support.clock import TurnedClock
from tests.support.openai_plane.bench import make_backend
from tests.support.openai_plane.plane import KEY, Plane
from tests.support.openai_plane.script import Script
from tests.support.openai_plane.server import serving
from tests.support.rehearsed import rows_file

COMMANDS = {"openai-python": [sys.executable, "-"], "openai-curl": ["sh"]}


def spec(name: str) -> JobSpec:
    return JobSpec(
        project="prj_1", connection="con_1", base_model="gpt-4.1-mini-2025-04-14", name=name, method=Method.SFT,
        training_dataset="ds_1", hyperparameters={"n_epochs": 2, "batch_size": "auto"}, seed=5,
    )  # fmt: skip


@pytest.mark.parametrize("target", COMMANDS)
def test_it_runs_as_pasted(target: str, tmp_path: Path) -> None:
    plane = Plane(TurnedClock(), Script(check_s=0, queue_s=0, train_s=0))
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"".join(b'{"line":%d,%s\n' % (n, line[1:]) for n, line in enumerate(rows_file().splitlines())))
    with serving(plane) as base:
        backend = make_backend(base, TurnedClock(), tmp_path / "cache")
        code = backend.code(target, spec("triage"), training_file=rows, validation_file=rows)
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "OPENAI_API_KEY": KEY}
        done = subprocess.run(
            COMMANDS[target], input=code, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode == 0, done.stderr
    (job,) = plane.jobs.values()
    assert done.stdout.splitlines()[0] == job.id
    assert job.body["method"] == {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    assert (job.body["seed"], job.body["suffix"]) == (5, "triage")
    assert len(plane.files) == 2


def test_texts_are_refused_in_a_sentence(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b'{"line":1,"text":"once upon a time"}\n')
    backend = make_backend("http://127.0.0.1:9/v1", TurnedClock(), tmp_path / "cache")
    with pytest.raises(DataRejected, match="trains conversations"):
        backend.code("openai-python", spec("x"), training_file=rows, validation_file=None)
