"""Training further: from whole weights, from an adapter, from a checkpoint; each begins where the other one ended."""

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.backend import EvaluationObservation, EvaluationRequest, Rejected, RemoteJob
from app.domain.backend_abilities import MergeStatus
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec, JobStatus
from tests.support import local
from tests.support.local import Watched
from tests.support.waiting import until

pytestmark = [pytest.mark.training, pytest.mark.slow]
VALUES: dict[str, Hyperparameter] = {"n_epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "checkpoints_per_epoch": 2}
LORA: dict[str, Hyperparameter] = {"adapter": "lora", "lora_r": 4}


class Family:
    """A whole model and an adapter, both tuned from the starter, and what is made of them."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder, self.python = folder, python
        self.backend: LocalBackend = local.backend_over(folder / "runs", python, slots=4)
        self.rows = local.head(local.TRIAGE / "train.jsonl", 32, folder / "training.jsonl")
        self.validation = local.head(local.TRIAGE / "validation.jsonl", 16, folder / "validation.jsonl")
        self.whole = self.train("whole", "builtin:starter", {})
        self.adapter = self.train("adapter", "builtin:starter", LORA)

    def train(
        self, tag: str, base: str, options: dict[str, Hyperparameter], *, method: str = "sft", epochs: int = 1
    ) -> Watched:
        files = [self.rows, self.validation]
        if method == "dpo":
            files = [local.preferences(path, 16, path.with_suffix(".pairs.jsonl")) for path in files]
        wanted = local.request(
            self.backend, tag, files, VALUES | {"n_epochs": epochs}, base_model=base, options=options, method=method
        )
        watched = Watched(self.backend, self.backend.submit(wanted))
        assert watched.until_final().status is JobStatus.SUCCEEDED, watched.looks[-1].message
        return watched

    def evaluated(self, base: str, model: str | None) -> EvaluationObservation:
        tag = f"evl_{len(list(self.folder.glob('runs/evl_*')))}"
        request = EvaluationRequest(tag=tag, base_model=base, model=model, rows=self.validation)
        self.backend.start_evaluation(request)

        def final() -> EvaluationObservation | None:
            seen = self.backend.observe_evaluation(tag)
            return seen if seen.status.is_final else None

        return until(final, within=600.0, doing="the evaluation's end")


@pytest.fixture(scope="module")
def family(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    folder = tmp_path_factory.mktemp("family")
    yield Family(folder, python)
    local.end_all(folder / "runs")


def best(watched: Watched) -> float:
    return min(loss for step, loss in watched.series("validation_loss").items() if step)


@pytest.mark.parametrize("options", [{}, LORA], ids=["all weights", "lora"])
@pytest.mark.parametrize("base", ["whole", "adapter"])
def test_it_begins_where_the_other_one_ended(family: Family, base: str, options: dict[str, Hyperparameter]) -> None:
    options = {"adapter": "lora"} if options and base == "adapter" else options or {"adapter": "none"}
    tag = f"{base}-{options['adapter']}"
    child = family.train(tag, f"run:{base}", options)
    parent = family.whole if base == "whole" else family.adapter
    assert child.series("validation_loss")[0] == pytest.approx(best(parent), rel=1e-4)
    assert best(child) < best(parent)
    # What was made is loaded and judged like any other.
    seen = family.evaluated(f"run:{base}", f"run:{tag}")
    assert seen.metrics is not None
    assert seen.metrics.loss == pytest.approx(best(child), rel=0.05)


def test_it_begins_at_a_checkpoint(family: Family) -> None:
    step = min(one.step for one in family.whole.checkpoints if one.present)
    model = family.backend.model_from_checkpoint(RemoteJob("whole"), str(step))
    child = family.train("from-checkpoint", model, {})
    assert child.series("validation_loss")[0] == pytest.approx(family.whole.series("validation_loss")[step], rel=1e-4)


def test_preferences_are_learned_against_the_tuned_model(family: Family) -> None:
    for base in ("whole", "adapter"):
        options: dict[str, Hyperparameter] = {"adapter": "lora"} if base == "adapter" else {}
        child = family.train(f"dpo-{base}", f"run:{base}", options, method="dpo")
        assert child.series("validation_loss")[0] == pytest.approx(math.log(2), abs=1e-5)


def test_weights_below_an_adapter_are_kept(family: Family) -> None:
    family.train("below", "builtin:starter", {})
    family.train("above", "run:below", LORA)
    with pytest.raises(Rejected, match="the base of the adapter triage"):
        family.backend.discard_model("run:below")
    family.backend.discard_model("run:above")
    family.backend.discard_model("run:below")
    assert not (family.folder / "runs" / "below" / "model").exists()


def test_merged_it_answers_as_adapter_and_base_do(family: Family) -> None:
    backend = family.backend
    assert backend.observe_merge("run:adapter").status is MergeStatus.ABSENT
    with pytest.raises(Rejected, match="whole already"):
        backend.start_merge("run:whole")
    backend.start_merge("run:adapter")
    backend.start_merge("run:adapter")

    def done() -> str | None:
        seen = backend.observe_merge("run:adapter")
        assert seen.status is not MergeStatus.FAILED, seen.message
        return seen.model

    merged = until(done, within=600.0, doing="the merging")
    names = {path.name for path in backend.model_files(merged).iterdir()}
    assert names >= {"model.safetensors", "config.json", "tokenizer.json", "README.md"}
    seen = backend.observe_merge("run:adapter")
    assert (seen.dtype, seen.base_dtype) == ("float16", "float16")
    assert seen.difference == pytest.approx(0, abs=2e-3)
    card = (backend.model_files(merged) / "README.md").read_text(encoding="utf-8")
    assert "The weights are kept in float16. Its perplexity differs by " in card
    ours, theirs = (family.evaluated("builtin:starter", model) for model in (merged, "run:adapter"))
    assert ours.metrics is not None
    assert theirs.metrics is not None
    assert ours.metrics.loss == pytest.approx(theirs.metrics.loss, abs=1e-3)
    assert [row.answer for row in ours.rows] == [row.answer for row in theirs.rows]


@pytest.mark.parametrize("adapter", ["lora", "none"])
def test_the_script_continues_an_adapter_to_the_same_losses(family: Family, tmp_path: Path, adapter: str) -> None:
    options: dict[str, Hyperparameter] = {"adapter": adapter}
    child = family.train(f"script-{adapter}", "run:adapter", options)
    spec = JobSpec(
        project="prj_1", connection="con_local", base_model="run:adapter", name="tuned", training_dataset="ds_1",
        hyperparameters=VALUES, options=options, seed=0,
    )  # fmt: skip
    text = family.backend.code("trl", spec, training_file=family.rows, validation_file=family.validation)
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [family.python, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    states = sorted(
        (tmp_path / "tuned-checkpoints").glob("*/trainer_state.json"), key=lambda path: path.stat().st_mtime
    )
    history = json.loads(states[-1].read_text(encoding="utf-8"))["log_history"]
    theirs = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
    assert theirs == pytest.approx(child.series("train_loss"), rel=1e-6)
