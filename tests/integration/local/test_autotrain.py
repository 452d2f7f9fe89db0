"""A job written for AutoTrain and read back trains here: a real training of a few steps."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from app.backends.local.backend import LocalBackend
from app.domain.autotrain import reading, translating, yaml_text
from app.domain.autotrain.entries import Surroundings
from app.domain.backend import Unsupported
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec, JobStatus
from app.training import trl_arguments
from tests.integration.local import case_rows
from tests.support import local
from tests.support.local import Watched

ROWS = 24


def spec(base: str, **more: Hyperparameter) -> JobSpec:
    return JobSpec(
        project="prj_1", connection="con_local", base_model=base, name="tuned", training_dataset="ds_1",
        hyperparameters={"n_epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 1, **more},
        options={"adapter": "lora", "lora_r": 4}, seed=3,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.training
def test_what_was_written_for_autotrain_trains_here_when_read_in(backend: LocalBackend, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(local.STARTER, base)
    rows = case_rows.write(case_rows.chats(ROWS), tmp_path / "rows.jsonl")
    text = backend.code("autotrain", spec(f"path:{base}"), training_file=rows, validation_file=None)
    configuration = reading.read(yaml_text.load(text))
    assert (configuration.text("data_path"), configuration.text("train_split")) == (str(tmp_path), "rows")
    model = backend.base_model(translating.base_model(configuration))
    around = Surroundings(
        specs=model.hyperparameters, total_steps=lambda settings: trl_arguments.total_steps(ROWS, settings)
    )
    fields = translating.translate(configuration, around).fields
    wanted = local.request(
        backend, "job_1", [rows], fields["hyperparameters"], base_model=fields["base_model"], options=fields["options"]
    )
    watched = Watched(backend, backend.submit(wanted))
    last = watched.until_final()
    assert last.status is JobStatus.SUCCEEDED, last.message
    sent = watched.sent
    assert (sent["n_epochs"], sent["learning_rate"], sent["lora_r"], sent["warmup_steps"]) == (2, 1e-3, 4, 1)
    assert len(watched.series("train_loss")) == 6


def test_auto_is_written_as_what_it_becomes_and_an_adapter_is_no_base(tmp_path: Path) -> None:
    backend = local.backend_over(tmp_path / "runs", tmp_path / "nothing")
    rows = case_rows.write(case_rows.chats(ROWS), tmp_path / "rows.jsonl")
    text = backend.code(
        "autotrain", spec("hf:org/name", learning_rate="auto"), training_file=rows, validation_file=None
    )
    written = yaml.safe_load(text)
    assert (written["base_model"], written["params"]["lr"]) == ("org/name", 2e-4)
    assert written["data"]["column_mapping"] == {"text_column": "messages"}
    assert "# validation: none" in text
    assert "# adam_beta2: 0.999" in text
    adapter = tmp_path / "runs" / "job_0" / "model"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Unsupported, match="begins with a whole model"):
        backend.code("autotrain", replace(spec("run:job_0"), options={}), training_file=rows, validation_file=None)
