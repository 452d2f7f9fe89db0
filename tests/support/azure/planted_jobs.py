"""Planted mistakes, continued: data, jobs, and what comes of them."""

import httpx

from tests.support.azure.arm_client import JOBS, PHI_4, ArmClient
from tests.support.azure.planted import DATA, MINISTRAL, PHI_3, planted, then
from tests.support.azure.wire import Json


def submit(arm: ArmClient) -> httpx.Response:
    return arm.submit("job-1", arm.job(arm.data("d", arm.rows()), hyperparameters={"num_train_epochs": "1"}))


@planted(400, "BadRequest", submit)
def a_fine_tuning_job_at_a_stable_api_version(arm: ArmClient) -> httpx.Response:
    return arm.call("PUT", "jobs/job-1", "2024-10-01", arm.job(arm.data("d", arm.rows())))


@planted(404, "NotFound", then(submit, last=lambda arm: arm.call("GET", "jobs/job-1", JOBS)))
def reading_a_fine_tuning_job_at_a_stable_api_version(arm: ArmClient) -> httpx.Response:
    submit(arm)
    return arm.call("GET", "jobs/job-1", "2024-10-01")


@planted(400, "BadRequest", submit)
def a_hyperparameter_that_is_no_string(arm: ArmClient) -> httpx.Response:
    return arm.submit("job-1", arm.job(arm.data("d", arm.rows()), hyperparameters={"num_train_epochs": 1}))


@planted(400, "BadRequest", submit)
def a_misspelt_part_of_the_job(arm: ArmClient) -> httpx.Response:
    body = arm.job(arm.data("d", arm.rows()))
    body["properties"]["fineTuningDetails"]["hyperparameters"] = {}
    return arm.submit("job-1", body)


@planted(400, "BadRequest", submit)
def a_member_that_the_job_does_not_have(arm: ArmClient) -> httpx.Response:
    return arm.submit("job-1", arm.job(arm.data("d", arm.rows()), content_safety="Enabled"))


@planted(400, "UserError", submit)
def a_region_outside_the_model_s_tags(arm: ArmClient) -> httpx.Response:
    body = arm.job(arm.data("d", arm.rows()))
    arm.project.location = "swedencentral"
    return arm.submit("job-1", body)


@planted(400, "ModelRetired", submit)
def serverless_training_of_a_retired_model(arm: ArmClient) -> httpx.Response:
    return arm.submit("job-1", arm.job(arm.data("d", arm.rows()), model=f"{PHI_3}/versions/13"))


@planted(404, "NotFound", submit)
def a_base_model_without_its_version(arm: ArmClient) -> httpx.Response:
    return arm.submit("job-1", arm.job(arm.data("d", arm.rows()), model=PHI_4))


@planted(400, "MarketplaceSubscriptionNotFound", lambda arm: _partner(arm, subscribed=True))
def a_partner_s_model_without_a_marketplace_subscription(arm: ArmClient) -> httpx.Response:
    return _partner(arm, subscribed=False)


def _partner(arm: ArmClient, *, subscribed: bool) -> httpx.Response:
    if subscribed:
        arm.wait(subscription(arm, MINISTRAL))
    return arm.submit("job-1", arm.job(arm.data("d", arm.rows()), model=f"{MINISTRAL}/versions/1"))


def subscription(arm: ArmClient, model: str = MINISTRAL) -> httpx.Response:
    body = {"properties": {"modelId": model}}
    return arm.call("PUT", "marketplaceSubscriptions/one", "2024-01-01-preview", body)


@planted(400, "MarketplaceSubscriptionNotRequired", subscription)
def a_marketplace_subscription_for_microsoft_s_model(arm: ArmClient) -> httpx.Response:
    return subscription(arm, PHI_4)


@planted(404, "NotFound", submit)
def training_data_that_is_not_registered(arm: ArmClient) -> httpx.Response:
    return arm.submit("job-1", arm.job(f"{arm.project.id}/data/nothing/versions/1"))


@planted(400, "UserError", submit)
def training_in_the_hub(arm: ArmClient) -> httpx.Response:
    body = arm.job(arm.data("d", arm.rows()))
    return arm.call("PUT", f"{arm.cloud.seed.hub.id}/jobs/job-1", JOBS, body)


def submit_again(arm: ArmClient) -> httpx.Response:
    return arm.submit(
        "job-1", arm.job(f"{arm.project.id}/data/d/versions/1", hyperparameters={"num_train_epochs": "1"})
    )


@planted(400, "UserError", then(submit, last=submit_again))
def another_job_under_a_name_that_is_taken(arm: ArmClient) -> httpx.Response:
    submit(arm)
    return arm.submit("job-1", arm.job(arm.data("e", arm.rows())))


@planted(409, "Conflict", lambda arm: _register(arm, "files/d.jsonl"))
def another_file_under_a_data_version_that_is_taken(arm: ArmClient) -> httpx.Response:
    return _register(arm, "files/other.jsonl")


def _register(arm: ArmClient, path: str) -> httpx.Response:
    arm.data("d", arm.rows())
    uri = f"azureml://datastores/workspaceblobstore/paths/{path}"
    return arm.call(
        "PUT", "data/d/versions/1", "2023-04-01-preview", {"properties": {"dataType": "uri_file", "dataUri": uri}}
    )


@planted(400, "UserError", then(submit, last=lambda arm: arm.call("POST", "jobs/job-1/cancel", JOBS)))
def cancelling_a_job_that_has_ended(arm: ArmClient) -> httpx.Response:
    submit(arm)
    arm.cloud.clock.turn(3600)
    return arm.call("POST", "jobs/job-1/cancel", JOBS)


@planted(400, "QuotaExceeded", lambda arm: _managed(arm, "Standard_NC24ads_A100_v4"))
def an_instance_type_without_quota(arm: ArmClient) -> httpx.Response:
    return _managed(arm, "Standard_NC24s_v3")


def _managed(arm: ArmClient, size: str) -> httpx.Response:
    body = arm.job(arm.data("d", arm.rows()), model=f"{PHI_3}/versions/13", resources={"instanceTypes": [size]})
    return arm.submit("job-1", body)


@planted(400, "UserError", lambda arm: _managed(arm, "Standard_NC24ads_A100_v4"))
def a_cluster_that_does_not_exist(arm: ArmClient) -> httpx.Response:
    body = arm.job(arm.data("d", arm.rows()), model=f"{PHI_3}/versions/13", computeId=f"{arm.project.id}/computes/gpu")
    return arm.submit("job-1", body)


@planted(400, "WrongRegion", then(submit, last=lambda arm: arm.call("GET", _run(arm, "eastus2"))))
def the_run_history_of_another_region(arm: ArmClient) -> httpx.Response:
    submit(arm)
    return arm.call("GET", _run(arm, "westus"))


def _run(arm: ArmClient, region: str) -> str:
    return f"https://{region}.api.azureml.ms/history/v1.0{arm.project.id}/runs/job-1/details"


def _registry(arm: ArmClient, version: str) -> httpx.Response:
    found = arm.call("GET", f"{DATA}/registrymanagement/v1.0/registries/azureml/discovery").json()
    position = f"/subscriptions/{found['subscriptionId']}/resourceGroups/{found['resourceGroup']}"
    path = f"{position}/providers/Microsoft.MachineLearningServices/registries/azureml/models"
    return arm.call("GET", f"{found['primaryRegionResourceProviderUri']}mferp/managementfrontend{path}", version)


@planted(400, "UnsupportedApiVersion", lambda arm: _registry(arm, "2021-10-01-dataplanepreview"))
def a_registry_at_resource_manager_s_api_version(arm: ArmClient) -> httpx.Response:
    return _registry(arm, "2022-05-01")


# ------------------------------------------------------------------------------- accepted at first, told by the failure
def ends(arm: ArmClient, content: bytes, hyperparameters: Json | None = None) -> httpx.Response:
    """Submit, let time pass, and answer with the job; its failure is in the run history."""
    arm.submit("job-1", arm.job(arm.data("d", content), hyperparameters=hyperparameters)).raise_for_status()
    arm.cloud.clock.turn(3600)
    return arm.call("GET", "jobs/job-1", JOBS)


@planted(200, "at least 10 examples", lambda arm: ends(arm, arm.rows(10)))
def too_few_rows(arm: ArmClient) -> httpx.Response:
    return ends(arm, arm.rows(9))


@planted(200, "not valid UTF-8", lambda arm: ends(arm, b"\xef\xbb\xbf" + arm.rows()))
def data_in_another_encoding(arm: ArmClient) -> httpx.Response:
    return ends(arm, arm.rows().replace(b'"a"', b'"\xe9"'))


@planted(200, "the last message must be from the assistant", lambda arm: ends(arm, arm.rows()))
def rows_that_end_with_the_user(arm: ArmClient) -> httpx.Response:
    return ends(arm, arm.rows().replace(b'"assistant"', b'"user"'))


@planted(200, "'batch_size_multiplicator' is not supported", lambda arm: ends(arm, arm.rows(), {"batch_size": "4"}))
def a_hyperparameter_that_nobody_knows(arm: ArmClient) -> httpx.Response:
    return ends(arm, arm.rows(), {"batch_size_multiplicator": "4"})


@planted(200, "must be between 1 and 10", lambda arm: ends(arm, arm.rows(), {"num_train_epochs": "10"}))
def a_hyperparameter_out_of_its_range(arm: ArmClient) -> httpx.Response:
    return ends(arm, arm.rows(), {"num_train_epochs": "11"})


@planted(200, "the path does not exist in the datastore", lambda arm: ends(arm, arm.rows()))
def a_file_that_was_never_uploaded(arm: ArmClient) -> httpx.Response:
    uri = "azureml://datastores/workspaceblobstore/paths/files/nothing.jsonl"
    arm.submit("job-1", arm.job(uri)).raise_for_status()
    arm.cloud.clock.turn(3600)
    return arm.call("GET", "jobs/job-1", JOBS)
