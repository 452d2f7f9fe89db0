"""The whole journey with the unmodified SDKs, over TLS through the proxy: from the first token to the last archive."""

import json
from pathlib import Path

import httpx
from azure.identity import ClientSecretCredential

from tests.integration.azure_emulator.arm_client import ArmClient
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.sdk import CustomModelFineTuningJob, Data, Input, MLClient, Output
from tests.support.azure.state import SUBSCRIPTION

BASE = "azureml://registries/azureml/models/Phi-4-mini-instruct"


def chat_rows(path: Path, count: int) -> Path:
    """Write `count` chat examples to a file."""
    rows = [
        {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]}
        for n in range(count)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8-sig")
    return path


def uploaded(client: MLClient, path: Path, name: str) -> str:
    """Upload a file as a data asset and return its id."""
    made = client.data.create_or_update(
        Data(path=str(path), type="uri_file", name=name, version="1", tags={"tunedesk": "1"})
    )
    return str(made.id)


def test_the_whole_journey(
    entered_cloud: AzureCloud, azure_credentials: ClientSecretCredential, tmp_path: Path
) -> None:
    cloud = entered_cloud
    client = MLClient(azure_credentials, SUBSCRIPTION, "rg1", "proj1", show_progress=False, enable_telemetry=False)
    workspace = client.workspaces.get("proj1")
    assert (workspace.location, type(workspace).__name__) == ("eastus2", "Project")
    train = uploaded(client, chat_rows(tmp_path / "train.jsonl", 40), "train")
    held = uploaded(client, chat_rows(tmp_path / "val.jsonl", 10), "val")

    job = CustomModelFineTuningJob(
        task="ChatCompletion",
        model=Input(type="mlflow_model", path=f"{BASE}/versions/1"),
        training_data=Input(type="uri_file", path=train),
        validation_data=Input(type="uri_file", path=held),
        hyperparameters={"num_train_epochs": "2", "learning_rate": "0.0002"},
        outputs={"registered_model": Output(type="mlflow_model", name="tuned")},
        name="job-1",
        experiment_name="tunedesk",
        tags={"tunedesk": "job-1"},
    )
    assert client.jobs.create_or_update(job).status == "NotStarted"
    seen: list[str] = []
    while not seen or seen[-1] not in {"Completed", "Failed"}:
        cloud.clock.turn(31)
        seen.append(client.jobs.get("job-1").status)
    assert list(dict.fromkeys(seen)) == ["Preparing", "Queued", "Running", "Finalizing", "Completed"]
    assert len(cloud.ledger.submitted("job-1")) == 1
    assert [one.name for one in client.models.list()] == ["tuned"]
    model = client.models.get("tuned", "1")
    assert model.job_name == "job-1"

    arm = ArmClient(cloud)
    tuned = f"azureml://locations/eastus2/workspaces/{cloud.seed.project.guid}/models/tuned/versions/1"
    answer = arm.put_endpoint("ep1", tuned)
    assert answer.status_code == 201
    arm.wait(answer)
    body = arm.get("serverlessEndpoints/ep1", "2024-10-01").json()["properties"]
    assert (body["endpointState"], body["contentSafety"]) == ("Online", {"contentSafetyStatus": "Enabled"})
    key = client.serverless_endpoints.get_keys("ep1").primary_key
    chat = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}
    where, headers = f"{body['inferenceEndpoint']['uri']}/v1/chat/completions", {"Authorization": f"Bearer {key}"}
    with httpx.Client(verify=arm.context) as plain:
        answers = [plain.post(where, json=chat, headers=headers) for _ in range(2)]
    assert [one.status_code for one in answers] == [503, 200], "ARM says ready before the data plane is"
    assert answers[1].json()["choices"][0]["message"]["content"] == "The tuned model heard: Hello"

    client.serverless_endpoints.begin_delete("ep1").result()
    assert list(client.serverless_endpoints.list()) == []
    client.models.archive("tuned", version="1")
    assert client.models.get("tuned", "1")
    assert list(client.models.list()) == []
    assert cloud.ledger.foreign == [], "only what carries our tag was touched"
