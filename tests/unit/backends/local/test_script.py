"""The TRL script for every kind of job is whole Python, and says nothing that this job does not need."""

import ast
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec, Method
from tests.support import local

TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
ROWS: dict[str, dict[str, object]] = {
    "messages": {"messages": TURNS},
    "conversation": {"prompt": TURNS[:1], "completion": TURNS[1:]},
    "prompt": {"prompt": "q", "completion": "a"},
    "text": {"text": "a"},
    "preference": {"prompt": "q", "chosen": "a", "rejected": "b"},
}


def script(
    backend: LocalBackend,
    folder: Path,
    shape: str,
    adapter: str,
    often: int,
    *,
    base: str = "builtin:starter",
    name: str = "tuned",
) -> str:
    rows = folder / "rows.jsonl"
    rows.write_text(json.dumps(ROWS[shape]) + "\n", encoding="utf-8")
    values: dict[str, Hyperparameter] = {"checkpoints_per_epoch": often}
    spec = JobSpec(
        project="prj_1", connection="con_local", base_model=base, name=name, training_dataset="ds_1",
        method=Method.DPO if shape == "preference" else Method.SFT, hyperparameters=values,
        options={"adapter": adapter}, seed=3,
    )  # fmt: skip
    return backend.code("trl", spec, training_file=rows, validation_file=rows)


@pytest.mark.parametrize(("shape", "adapter", "often"), list(itertools.product(ROWS, ("none", "lora"), (1, 2))))
def test_it_is_whole_python(tmp_path: Path, shape: str, adapter: str, often: int) -> None:
    backend = local.backend_over(tmp_path / "runs", Path(sys.executable))
    text = script(backend, tmp_path, shape, adapter, often)
    tree = ast.parse(text)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert ("LoraConfig" in names) == (adapter == "lora")
    assert ("DPOTrainer" in names) == (shape == "preference")
    assert ("TrainerCallback" in names) == (often > 1)
    assert ("pairs" in defined, "sequences" in defined) == (shape == "preference", True)
    assert {"Renderer", "read_rows", "fit", "main"} <= defined
    assert "tunedesk" not in text.replace(str(local.ROOT), "").lower()  # wherever the checkout lies


def test_a_checker_of_python_finds_no_name_that_is_missing_unused_or_given_twice(tmp_path: Path) -> None:
    backend = local.backend_over(tmp_path / "runs", Path(sys.executable))
    for shape in ROWS:
        text = script(backend, tmp_path, shape, "lora", 2, name='"""\\ {x} %s')
        (tmp_path / f"{shape}.py").write_text(text, encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "E4,E7,E9,F", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
