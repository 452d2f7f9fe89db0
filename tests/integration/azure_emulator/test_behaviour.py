"""What Azure does by itself: lists that lag, operations that take time, pages, filters, measurements."""

from collections.abc import Iterator

import pytest

from tests.support.azure.arm_client import ASSETS, ENDPOINTS, JOBS, PHI_4, ArmClient
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.planted import DATA, PHI_3, make_project
from tests.support.azure.planted_jobs import submit
from tests.support.azure.roles import READER, TRAIN_ONLY
from tests.support.azure.seed import GROUP_SCOPE

SUBSCRIPTION = GROUP_SCOPE.rsplit("/resourceGroups", 1)[0]


@pytest.fixture
def arm(cloud: AzureCloud) -> Iterator[ArmClient]:
    with ArmClient(cloud) as made:
        yield made


def listed(arm: ArmClient, **query: str) -> list[str]:
    """Return the names of the listed jobs, page by page."""
    names: list[str] = []
    answer = arm.call("GET", "jobs", JOBS, query=query).json()
    while True:
        names += [one["name"] for one in answer["value"]]
        if "nextLink" not in answer:
            return names
        answer = arm.call("GET", answer["nextLink"]).json()


def test_a_job_is_seen_late_and_listed_later(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.state.pace.job_visible_after, cloud.state.pace.job_listed_after = 10, 60
    assert submit(arm).status_code == 201
    assert arm.call("GET", "jobs/job-1", JOBS).status_code == 404
    cloud.clock.turn(11)
    assert arm.call("GET", "jobs/job-1", JOBS).status_code == 200
    assert listed(arm) == []
    cloud.clock.turn(60)
    assert listed(arm) == ["job-1"]


def test_jobs_come_in_pages_newest_first_and_by_tag(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.state.pace.page_size = 4
    data = arm.data("d", arm.rows())
    for number in range(10):
        cloud.clock.turn(1)
        arm.submit(f"job-{number}", arm.job(data, tags={"tunedesk": f"t{number % 2}"})).raise_for_status()
    assert listed(arm) == [f"job-{number}" for number in reversed(range(10))]
    assert listed(arm, tag="tunedesk=t1") == ["job-9", "job-7", "job-5", "job-3", "job-1"]
    assert listed(arm, jobType="Command") == []
    assert arm.call("GET", "jobs", JOBS, query={"$skip": "x"}).status_code == 400


def test_a_job_goes_through_its_stages_and_measures(cloud: AzureCloud, arm: ArmClient) -> None:
    submit(arm)
    stages = []
    for _ in range(60):
        stages.append(arm.status("job-1"))
        cloud.clock.turn(10)
    assert list(dict.fromkeys(stages)) == ["NotStarted", "Preparing", "Queued", "Running", "Finalizing", "Completed"]
    base = f"{DATA}/mlflow/v1.0{arm.project.id}/api/2.0/mlflow"
    found = arm.call("GET", f"{base}/metrics/get-history", None, run_id="job-1", metric_key="train_loss").json()[
        "metrics"
    ]
    assert [one["step"] for one in found] == list(range(1, len(found) + 1))
    assert found[0]["value"] > found[-1]["value"]
    run = arm.call("GET", f"{base}/runs/get", None, run_id="job-1").json()["run"]
    assert run["info"]["status"] == "FINISHED"
    assert {one["key"] for one in run["data"]["metrics"]} == {"train_loss", "learning_rate"}
    runs = arm.call("POST", f"{base}/runs/search", None, {"experiment_ids": ["e"], "max_results": 10}).json()["runs"]
    assert [one["info"]["run_id"] for one in runs] == ["job-1"]
    details = arm.call("GET", f"{DATA}/history/v1.0{arm.project.id}/runs/job-1/details").json()
    log = arm.call("GET", details["logFiles"]["user_logs/std_log.txt"], headers={})
    assert "'loss'" in log.text


def test_a_test_may_lead_a_job_by_hand(cloud: AzureCloud, arm: ArmClient) -> None:
    submit(arm)
    job = cloud.state.jobs["job-1"]
    job.held = True
    cloud.clock.turn(10_000)
    assert arm.status("job-1") == "NotStarted"
    job.advance_to("Running")
    assert arm.status("job-1") == "Running"
    for word in ("NotResponding", "Paused"):
        job.enter(word, cloud.clock.now())
        assert arm.status("job-1") == word
    job.fail("UserError", "Out of memory", cloud.clock.now())
    assert (arm.status("job-1"), arm.why("job-1")) == ("Failed", "Out of memory")


def test_a_job_fails_where_a_test_says(cloud: AzureCloud, arm: ArmClient) -> None:
    submit(arm)
    cloud.state.jobs["job-1"].fail_in("Running", "UserError", "CUDA out of memory")
    cloud.clock.turn(10_000)
    assert (arm.status("job-1"), arm.why("job-1")) == ("Failed", "CUDA out of memory")
    assert cloud.state.models == {}


def test_cancelling_takes_its_time(cloud: AzureCloud, arm: ArmClient) -> None:
    submit(arm)
    answer = arm.call("POST", "jobs/job-1/cancel", JOBS)
    assert (answer.status_code, cloud.state.jobs["job-1"].status) == (202, "CancelRequested")
    assert arm.wait(answer) == "Succeeded"
    assert arm.status("job-1") == "Canceled"
    assert cloud.state.models == {}


def test_managed_compute_still_tunes_what_is_retired(cloud: AzureCloud, arm: ArmClient) -> None:
    size = {"instanceTypes": ["Standard_NC24ads_A100_v4"]}
    body = arm.job(
        arm.data("d", arm.rows(3)), model=f"{PHI_3}/versions/13", resources=size, hyperparameters={"lora_r": "8"}
    )
    arm.submit("job-1", body).raise_for_status()
    cloud.clock.turn(3600)
    assert arm.status("job-1") == "Completed"
    assert [status for _, status, _ in cloud.state.jobs["job-1"].events].count("Provisioning") == 1


def test_an_operation_ends_by_looks_or_by_the_clock(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.state.pace.operation_looks = 3
    answer = arm.call("PUT", "serverlessEndpoints/ep1", ENDPOINTS, arm.endpoint(PHI_4))
    states = [
        arm.call("GET", "serverlessEndpoints/ep1", ENDPOINTS).json()["properties"]["provisioningState"]
        for _ in range(5)
    ]
    assert states == ["Creating", "Creating", "Creating", "Succeeded", "Succeeded"]
    assert answer.headers["x-ms-retry-after-ms"] == "20"
    cloud.state.pace.retry_after = 12
    answer = arm.call("DELETE", "serverlessEndpoints/ep1", ENDPOINTS)
    assert answer.headers["retry-after"] == "12"
    cloud.clock.turn(30)
    assert arm.call("GET", "serverlessEndpoints/ep1", ENDPOINTS).status_code == 404


def test_an_operation_that_fails_says_why(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.state.fail_operation = ("CreationFailed", "715-123420: the image could not be pulled")
    answer = arm.call("PUT", "serverlessEndpoints/ep1", ENDPOINTS, arm.endpoint(PHI_4))
    assert arm.wait(answer) == "Failed"
    assert "715-123420" in arm.call("GET", answer.headers["Azure-AsyncOperation"]).json()["error"]["message"]
    assert (
        arm.call("GET", "serverlessEndpoints/ep1", ENDPOINTS).json()["properties"]["endpointState"] == "CreationFailed"
    )


def test_a_chat_streams_and_is_counted(cloud: AzureCloud, arm: ArmClient) -> None:
    arm.deploy("ep1", PHI_4)
    key = arm.key("ep1")
    arm.chat("ep1", key)
    cloud.state.answers["What is 2 + 2?"] = "It is 4"
    text = arm.chat("ep1", key, "What is 2 + 2?", stream=True).text
    assert text.count("data: ") == 6
    assert text.rstrip().endswith("data: [DONE]")
    position = f"{arm.project.id}/serverlessEndpoints/ep1/providers/Microsoft.Insights/metrics"
    query = {"metricnames": "RequestsPerMinute,RequestLatency", "$filter": "statusCode eq '*'", "interval": "PT1H"}
    cloud.clock.turn(1)
    found = arm.call("GET", position, "2023-10-01", query=query).json()["value"]
    split = {one["metadatavalues"][0]["value"]: one["data"][0]["total"] for one in found[0]["timeseries"]}
    assert split == {"200": 1, "503": 1}


def test_managed_online_endpoints(cloud: AzureCloud, arm: ArmClient) -> None:
    arm.trained()
    body = {"location": "eastus2", "tags": {"tunedesk": "1"}, "properties": {"authMode": "Key"}}
    assert arm.wait(arm.call("PUT", "onlineEndpoints/on1", "2024-10-01", body)) == "Succeeded"
    inner = {"endpointComputeType": "Managed", "model": f"{arm.project.id}/models/tuned/versions/1"}
    inner["instanceType"] = "Standard_NC24ads_A100_v4"
    blue = {"location": "eastus2", "sku": {"name": "Default", "capacity": 2}, "properties": inner}
    assert arm.wait(arm.call("PUT", "onlineEndpoints/on1/deployments/blue", "2024-10-01", blue)) == "Succeeded"
    location = f"{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/eastus2"
    assert arm.call("GET", f"{location}/usages", "2024-10-01").status_code == 403, (
        "a role on the group says nothing here"
    )
    cloud.seed.grant(READER, scope=SUBSCRIPTION)
    usages = arm.call("GET", f"{location}/usages", "2024-10-01").json()["value"]
    assert {one["name"]["value"]: one["currentValue"] for one in usages}["standardNCADSA100v4Family"] == 48
    key = arm.call("POST", "onlineEndpoints/on1/listKeys", "2024-10-01").json()["primaryKey"]
    ask = {"input_data": {"input_string": [{"role": "user", "content": "Hello"}]}}
    url, headers = "https://on1.eastus2.inference.ml.azure.com/score", {"Authorization": f"Bearer {key}"}
    assert arm.call("POST", url, None, ask, headers=headers).status_code == 404, "no traffic yet"
    traffic = {**body, "properties": {"authMode": "Key", "traffic": {"blue": 100}}}
    arm.wait(arm.call("PUT", "onlineEndpoints/on1", "2024-10-01", traffic))
    assert arm.call("POST", url, None, ask, headers=headers).json() == {"output": "The tuned model heard: Hello"}
    assert arm.call("DELETE", "models/tuned/versions/1", ASSETS).status_code == 409
    too_much = {**blue, "sku": {"name": "Default", "capacity": 3}}
    answer = arm.call("PUT", "onlineEndpoints/on1/deployments/green", "2024-10-01", too_much)
    assert answer.json()["error"]["code"] == "OutOfQuota"
    assert arm.wait(arm.call("DELETE", "onlineEndpoints/on1", "2024-10-01")) == "Succeeded"
    assert arm.call("DELETE", "models/tuned/versions/1", ASSETS).status_code == 200


def test_rights_are_reported_as_they_are(cloud: AzureCloud, arm: ArmClient) -> None:
    cloud.seed.take_away()
    cloud.seed.grant(TRAIN_ONLY)
    base = f"{arm.project.id}/providers/Microsoft.Authorization"
    actions = arm.call("GET", f"{base}/permissions", "2022-04-01").json()["value"][0]["actions"]
    assert "Microsoft.MachineLearningServices/workspaces/jobs/*" in actions
    mine = {"$filter": f"assignedTo('{cloud.seed.app.oid}')"}
    assigned = arm.call("GET", f"{base}/roleAssignments", "2022-04-01", query=mine).json()["value"]
    role = assigned[0]["properties"]["roleDefinitionId"].rsplit("/", 1)[-1]
    definition = arm.call("GET", f"{base}/roleDefinitions/{role}", "2022-04-01").json()
    assert definition["properties"]["roleName"] == "Training only"
    assert [one["displayName"] for one in arm.call("GET", "/subscriptions", "2022-12-01").json()["value"]] == [
        "TuneDesk tests"
    ]


def test_a_project_takes_its_storage_from_its_hub(cloud: AzureCloud, arm: ArmClient) -> None:
    answer = make_project(arm)
    assert arm.wait(answer) == "Succeeded"
    made = cloud.state.workspace("proj2")
    assert made
    assert (made.hub, made.storage) == (cloud.seed.hub.id, cloud.seed.hub.storage)
    assert len(cloud.ledger.of("create", "workspaces")) == 1


def test_the_ledger_knows_what_was_not_ours(cloud: AzureCloud, arm: ArmClient) -> None:
    body = {
        "location": "eastus2",
        "sku": {"name": "Consumption"},
        "properties": {"authMode": "Key", "modelSettings": {"modelId": PHI_4}},
    }
    arm.wait(arm.call("PUT", "serverlessEndpoints/theirs", ENDPOINTS, body))
    assert cloud.ledger.foreign == []
    arm.call("DELETE", "serverlessEndpoints/theirs", ENDPOINTS)
    assert [(one.verb, one.name) for one in cloud.ledger.foreign] == [("delete", "theirs")]
