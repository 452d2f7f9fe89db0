import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.domain.backend import TrainingRequest
from app.domain.jobs import JobSpec
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.foundry import MANAGED, SERVERLESS, AzureBench
from tests.support.azure.seed import SECRET
from tests.support.azure.state import TENANT
from tests.support.waiting import until

OURS = {"tunedesk", "tunedesk-installation"}
HYPERPARAMETERS = {"n_epochs": 2, "learning_rate": 2e-5, "batch_size": 2}


def jobs_sent(cloud: AzureCloud) -> list[dict[str, Any]]:
    """Return the bodies of jobs that were put, oldest first."""
    return [one.body for one in cloud.requests if one.method == "PUT" and "/jobs/" in one.path]


def comparable(body: dict[str, Any]) -> dict[str, Any]:
    """Return a job's body without its name, our marks, and what azure-ai-ml adds of git."""
    properties = dict(body["properties"])
    properties["tags"] = {key: value for key, value in properties.get("tags", {}).items() if key not in OURS}
    properties["properties"] = {
        key: value for key, value in (properties.get("properties") or {}).items() if "git" not in key
    }
    outputs = properties.pop("outputs")
    assert outputs["registered_model"]["assetName"]
    return {key: value for key, value in properties.items() if value not in (None, {}, [])} | {
        "output": outputs["registered_model"]["jobOutputType"]
    }


def spec(base: str) -> JobSpec:
    hyperparameters = HYPERPARAMETERS if base == SERVERLESS else {**HYPERPARAMETERS, "learning_rate": 1e-5}
    return JobSpec(
        project="prj",
        connection="con",
        base_model=base,
        name="support-triage",
        training_dataset="ds",
        hyperparameters=hyperparameters,
    )


def sent_by_us(bench: AzureBench, asked: JobSpec) -> dict[str, Any]:
    backend = bench.backend
    files = [bench.training_rows, bench.validation_rows]
    up = [backend.upload(path, tag="job_1") for path in files]
    until(lambda: all(backend.file(file).ready for file in up))
    request = TrainingRequest(
        tag="job_1",
        base_model=asked.base_model,
        method="sft",
        task_type="chat_completion",
        training_file=up[0],
        validation_file=up[1],
        hyperparameters=asked.hyperparameters,
        options={},
        seed=None,
        suffix=asked.name,
    )
    backend.submit(request)
    return jobs_sent(bench.cloud)[-1]


@pytest.mark.parametrize("base", [SERVERLESS, MANAGED])
def test_the_script_sends_what_we_send(bench: AzureBench, tmp_path: Path, base: str) -> None:
    asked = spec(base)
    if base == MANAGED:  # the data file's version is newer than this cloud's
        bench.backend.refresh_catalog()
        until(lambda: not bench.backend.catalog_state().refreshing)
    ours = sent_by_us(bench, asked)
    made = {one.path for one in bench.cloud.requests if one.method == "PUT" and "/data/" in one.path}
    script = tmp_path / "job.py"
    text = bench.backend.code(
        "azure-ai-ml", asked, training_file=bench.training_rows, validation_file=bench.validation_rows
    )
    script.write_text(text, encoding="utf-8")
    environment = {
        **os.environ,
        **bench.cloud.environment(),
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": bench.cloud.seed.app.app_id,
        "AZURE_CLIENT_SECRET": SECRET,
    }
    ran = subprocess.run(
        [sys.executable, str(script)], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    theirs = jobs_sent(bench.cloud)[-1]
    assert theirs is not ours
    assert comparable(theirs) == comparable(ours)
    again = {one.path for one in bench.cloud.requests if one.method == "PUT" and "/data/" in one.path}
    assert again == made, "the same rows are the same data assets, and are not sent twice"


@pytest.mark.parametrize("base", [SERVERLESS, MANAGED])
def test_the_yaml_is_read_by_azure_ai_ml_as_what_we_send(bench: AzureBench, tmp_path: Path, base: str) -> None:
    from azure.ai.ml import load_job  # noqa: PLC0415 -- seconds, and only here

    asked = spec(base)
    if base == MANAGED:
        bench.backend.refresh_catalog()
        until(lambda: not bench.backend.catalog_state().refreshing)
    ours = copy.deepcopy(comparable(sent_by_us(bench, asked)))  # the cloud keeps what it was sent
    text = bench.backend.code("az-cli", asked, training_file=bench.training_rows, validation_file=bench.validation_rows)
    head, _here, rest = text.partition("<<'TUNEDESK'\n")
    yaml, _end, tail = rest.partition("TUNEDESK\n")
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "job.yml").write_text(yaml, encoding="utf-8")
    copies = "\n".join(line for line in head.splitlines() if line.startswith("{"))
    subprocess.run(["bash", "-ec", copies], cwd=folder, check=True)
    assert (folder / "training.jsonl").read_bytes() == b"\xef\xbb\xbf" + bench.training_rows.read_bytes()
    assert "az ml job create --file job.yml" in tail
    loaded: Any = load_job(folder / "job.yml")
    job = loaded._to_rest_object()
    theirs = comparable({"properties": job.as_dict()["properties"]})
    for part in ("trainingData", "validationData"):
        theirs["fineTuningDetails"][part].pop("uri")
        ours["fineTuningDetails"][part].pop("uri")
    theirs["fineTuningDetails"]["model"]["uri"] = theirs["fineTuningDetails"]["model"]["uri"].replace(
        "/labels/latest", f"/versions/{ours['fineTuningDetails']['model']['uri'].rpartition('/')[2]}"
    )
    assert theirs == ours
