"""Nothing of a tuned model that leaves this machine is a pickle, or says where anything lies here."""

import json
import subprocess
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.backend_abilities import MergeStatus
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobStatus
from tests.integration.local import case_rows
from tests.support import handed_out, local
from tests.support.local import Watched
from tests.support.waiting import until

pytestmark = [pytest.mark.training, pytest.mark.slow]
VALUES: dict[str, Hyperparameter] = {"n_epochs": 1, "batch_size": 8, "warmup_steps": 0}


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_a_models_folder_a_checkpoints_and_a_merged_one(
    backend: LocalBackend, tmp_path: Path, python: Path, adapter: str
) -> None:
    command = [str(python), "-m", "tests.families.faulty", str(tmp_path), "chatml-base"]
    subprocess.run(command, cwd=local.ROOT, check=True, capture_output=True)
    rows = case_rows.write(case_rows.chats(16), tmp_path / "rows.jsonl")
    base, options = f"path:{tmp_path / 'chatml-base'}", {"adapter": adapter}
    wanted = local.request(backend, "job_1", [rows, rows], VALUES, base_model=base, options=options)
    watched = Watched(backend, backend.submit(wanted))
    assert watched.until_final().status is JobStatus.SUCCEEDED, watched.looks[-1].message
    models = ["run:job_1", backend.model_from_checkpoint(watched.job, str(watched.checkpoints[0].step))]
    if adapter == "lora":
        backend.start_merge("run:job_1")

        def done() -> str | None:
            seen = backend.observe_merge("run:job_1")
            assert seen.status is not MergeStatus.FAILED, seen.message
            return seen.model

        models.append(until(done, within=600.0, doing="the merging"))
    for model in models:
        folder = backend.model_files(model)
        files = list(handed_out.of_folder(folder))
        assert "README.md" in dict(files)
        assert handed_out.faults(files, paths=[tmp_path, local.ROOT, Path.home()]) == []
        said = json.loads(dict(files).get("adapter_config.json", b"{}")).get("base_model_name_or_path", "chatml-base")
        assert said == "chatml-base"
