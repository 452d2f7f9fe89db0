"""Planted mistakes, continued: data, jobs, and what comes of them."""

import httpx

from tests.support.azure.desk import JOBS, PHI_4, Desk
from tests.support.azure.planted import DATA, MINISTRAL, PHI_3, planted, then
from tests.support.azure.wire import Json


def submit(desk: Desk) -> httpx.Response:
    return desk.submit("job-1", desk.job(desk.data("d", desk.rows()), knobs={"num_train_epochs": "1"}))


@planted(400, "BadRequest", submit)
def a_fine_tuning_job_at_a_stable_api_version(desk: Desk) -> httpx.Response:
    return desk.call("PUT", "jobs/job-1", "2024-10-01", desk.job(desk.data("d", desk.rows())))


@planted(404, "NotFound", then(submit, last=lambda desk: desk.call("GET", "jobs/job-1", JOBS)))
def reading_a_fine_tuning_job_at_a_stable_api_version(desk: Desk) -> httpx.Response:
    submit(desk)
    return desk.call("GET", "jobs/job-1", "2024-10-01")


@planted(400, "BadRequest", submit)
def a_hyperparameter_that_is_no_string(desk: Desk) -> httpx.Response:
    return desk.submit("job-1", desk.job(desk.data("d", desk.rows()), knobs={"num_train_epochs": 1}))


@planted(400, "BadRequest", submit)
def a_misspelt_part_of_the_job(desk: Desk) -> httpx.Response:
    body = desk.job(desk.data("d", desk.rows()))
    body["properties"]["fineTuningDetails"]["hyperparameters"] = {}
    return desk.submit("job-1", body)


@planted(400, "BadRequest", submit)
def a_member_that_the_job_does_not_have(desk: Desk) -> httpx.Response:
    return desk.submit("job-1", desk.job(desk.data("d", desk.rows()), content_safety="Enabled"))


@planted(400, "UserError", submit)
def a_region_outside_the_model_s_tags(desk: Desk) -> httpx.Response:
    body = desk.job(desk.data("d", desk.rows()))
    desk.project.location = "swedencentral"
    return desk.submit("job-1", body)


@planted(400, "ModelRetired", submit)
def serverless_training_of_a_retired_model(desk: Desk) -> httpx.Response:
    return desk.submit("job-1", desk.job(desk.data("d", desk.rows()), model=f"{PHI_3}/versions/13"))


@planted(404, "NotFound", submit)
def a_base_model_without_its_version(desk: Desk) -> httpx.Response:
    return desk.submit("job-1", desk.job(desk.data("d", desk.rows()), model=PHI_4))


@planted(400, "MarketplaceSubscriptionNotFound", lambda desk: _partner(desk, subscribed=True))
def a_partner_s_model_without_a_marketplace_subscription(desk: Desk) -> httpx.Response:
    return _partner(desk, subscribed=False)


def _partner(desk: Desk, *, subscribed: bool) -> httpx.Response:
    if subscribed:
        desk.wait(subscription(desk, MINISTRAL))
    return desk.submit("job-1", desk.job(desk.data("d", desk.rows()), model=f"{MINISTRAL}/versions/1"))


def subscription(desk: Desk, model: str = MINISTRAL) -> httpx.Response:
    body = {"properties": {"modelId": model}}
    return desk.call("PUT", "marketplaceSubscriptions/one", "2024-01-01-preview", body)


@planted(400, "MarketplaceSubscriptionNotRequired", subscription)
def a_marketplace_subscription_for_microsoft_s_model(desk: Desk) -> httpx.Response:
    return subscription(desk, PHI_4)


@planted(404, "NotFound", submit)
def training_data_that_is_not_registered(desk: Desk) -> httpx.Response:
    return desk.submit("job-1", desk.job(f"{desk.project.id}/data/nothing/versions/1"))


@planted(400, "UserError", submit)
def training_in_the_hub(desk: Desk) -> httpx.Response:
    body = desk.job(desk.data("d", desk.rows()))
    return desk.call("PUT", f"{desk.cloud.seed.hub.id}/jobs/job-1", JOBS, body)


def submit_again(desk: Desk) -> httpx.Response:
    return desk.submit("job-1", desk.job(f"{desk.project.id}/data/d/versions/1", knobs={"num_train_epochs": "1"}))


@planted(400, "UserError", then(submit, last=submit_again))
def another_job_under_a_name_that_is_taken(desk: Desk) -> httpx.Response:
    submit(desk)
    return desk.submit("job-1", desk.job(desk.data("e", desk.rows())))


@planted(409, "Conflict", lambda desk: _register(desk, "files/d.jsonl"))
def another_file_under_a_data_version_that_is_taken(desk: Desk) -> httpx.Response:
    return _register(desk, "files/other.jsonl")


def _register(desk: Desk, path: str) -> httpx.Response:
    desk.data("d", desk.rows())
    uri = f"azureml://datastores/workspaceblobstore/paths/{path}"
    return desk.call(
        "PUT", "data/d/versions/1", "2023-04-01-preview", {"properties": {"dataType": "uri_file", "dataUri": uri}}
    )


@planted(400, "UserError", then(submit, last=lambda desk: desk.call("POST", "jobs/job-1/cancel", JOBS)))
def cancelling_a_job_that_has_ended(desk: Desk) -> httpx.Response:
    submit(desk)
    desk.cloud.clock.turn(3600)
    return desk.call("POST", "jobs/job-1/cancel", JOBS)


@planted(400, "QuotaExceeded", lambda desk: _managed(desk, "Standard_NC24ads_A100_v4"))
def an_instance_type_without_quota(desk: Desk) -> httpx.Response:
    return _managed(desk, "Standard_NC24s_v3")


def _managed(desk: Desk, size: str) -> httpx.Response:
    body = desk.job(desk.data("d", desk.rows()), model=f"{PHI_3}/versions/13", resources={"instanceTypes": [size]})
    return desk.submit("job-1", body)


@planted(400, "UserError", lambda desk: _managed(desk, "Standard_NC24ads_A100_v4"))
def a_cluster_that_does_not_exist(desk: Desk) -> httpx.Response:
    body = desk.job(
        desk.data("d", desk.rows()), model=f"{PHI_3}/versions/13", computeId=f"{desk.project.id}/computes/gpu"
    )
    return desk.submit("job-1", body)


@planted(400, "WrongRegion", then(submit, last=lambda desk: desk.call("GET", _run(desk, "eastus2"))))
def the_run_history_of_another_region(desk: Desk) -> httpx.Response:
    submit(desk)
    return desk.call("GET", _run(desk, "westus"))


def _run(desk: Desk, region: str) -> str:
    return f"https://{region}.api.azureml.ms/history/v1.0{desk.project.id}/runs/job-1/details"


def _registry(desk: Desk, version: str) -> httpx.Response:
    found = desk.call("GET", f"{DATA}/registrymanagement/v1.0/registries/azureml/discovery").json()
    place = f"/subscriptions/{found['subscriptionId']}/resourceGroups/{found['resourceGroup']}"
    path = f"{place}/providers/Microsoft.MachineLearningServices/registries/azureml/models"
    return desk.call("GET", f"{found['primaryRegionResourceProviderUri']}mferp/managementfrontend{path}", version)


@planted(400, "UnsupportedApiVersion", lambda desk: _registry(desk, "2021-10-01-dataplanepreview"))
def a_registry_at_resource_manager_s_api_version(desk: Desk) -> httpx.Response:
    return _registry(desk, "2022-05-01")


# ------------------------------------------------------------------------------- accepted at first, told by the failure
def ends(desk: Desk, content: bytes, knobs: Json | None = None) -> httpx.Response:
    """Submit, let time pass, and answer with the job; its failure is in the run history."""
    desk.submit("job-1", desk.job(desk.data("d", content), knobs=knobs)).raise_for_status()
    desk.cloud.clock.turn(3600)
    return desk.call("GET", "jobs/job-1", JOBS)


@planted(200, "at least 10 examples", lambda desk: ends(desk, desk.rows(10)))
def too_few_rows(desk: Desk) -> httpx.Response:
    return ends(desk, desk.rows(9))


@planted(200, "not valid UTF-8", lambda desk: ends(desk, b"\xef\xbb\xbf" + desk.rows()))
def data_in_another_encoding(desk: Desk) -> httpx.Response:
    return ends(desk, desk.rows().replace(b'"a"', b'"\xe9"'))


@planted(200, "the last message must be from the assistant", lambda desk: ends(desk, desk.rows()))
def rows_that_end_with_the_user(desk: Desk) -> httpx.Response:
    return ends(desk, desk.rows().replace(b'"assistant"', b'"user"'))


@planted(200, "'batch_size_multiplicator' is not supported", lambda desk: ends(desk, desk.rows(), {"batch_size": "4"}))
def a_hyperparameter_that_nobody_knows(desk: Desk) -> httpx.Response:
    return ends(desk, desk.rows(), {"batch_size_multiplicator": "4"})


@planted(200, "must be between 1 and 10", lambda desk: ends(desk, desk.rows(), {"num_train_epochs": "10"}))
def a_hyperparameter_out_of_its_range(desk: Desk) -> httpx.Response:
    return ends(desk, desk.rows(), {"num_train_epochs": "11"})


@planted(200, "the path does not exist in the datastore", lambda desk: ends(desk, desk.rows()))
def a_file_that_was_never_uploaded(desk: Desk) -> httpx.Response:
    uri = "azureml://datastores/workspaceblobstore/paths/files/nothing.jsonl"
    desk.submit("job-1", desk.job(uri)).raise_for_status()
    desk.cloud.clock.turn(3600)
    return desk.call("GET", "jobs/job-1", JOBS)
