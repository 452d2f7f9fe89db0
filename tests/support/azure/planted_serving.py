"""Planted mistakes, continued: endpoints, keys, questions, and clearing away."""

import httpx

from tests.support.azure.arm_client import ASSETS, ENDPOINTS, PHI_4, ArmClient
from tests.support.azure.planted import MINISTRAL, PHI_3, deploy, make_project, planted, then
from tests.support.azure.wire import Json


def put(arm: ArmClient, body: Json, version: str = ENDPOINTS, name: str = "ep1") -> httpx.Response:
    return arm.call("PUT", f"serverlessEndpoints/{name}", version, body)


def safe(arm: ArmClient) -> httpx.Response:
    return put(arm, arm.endpoint(PHI_4, contentSafety={"contentSafetyStatus": "Enabled"}))


@planted(400, "BadRequest", safe)
def content_safety_at_an_api_version_that_is_too_old(arm: ArmClient) -> httpx.Response:
    return put(arm, arm.endpoint(PHI_4, contentSafety={"contentSafetyStatus": "Enabled"}), "2024-01-01-preview")


@planted(400, "BadRequest", deploy)
def an_endpoint_without_its_auth_mode(arm: ArmClient) -> httpx.Response:
    body = arm.endpoint(PHI_4)
    del body["properties"]["authMode"]
    return put(arm, body)


@planted(400, "ValidationError", deploy)
def a_version_on_a_registry_s_base_model(arm: ArmClient) -> httpx.Response:
    return put(arm, arm.endpoint(f"{PHI_4}/versions/1"))


def deploy_tuned(arm: ArmClient) -> httpx.Response:
    return put(arm, arm.endpoint(arm.trained()))


@planted(400, "ValidationError", deploy_tuned)
def a_tuned_model_by_the_id_of_another_workspace(arm: ArmClient) -> httpx.Response:
    return put(arm, arm.endpoint(arm.trained().replace(arm.project.guid, "22222222-2222-2222-2222-222222222222")))


@planted(400, "ModelRetired", deploy)
def deploying_a_retired_model(arm: ArmClient) -> httpx.Response:
    return put(arm, arm.endpoint(PHI_3))


@planted(400, "RegionNotSupported", deploy)
def deploying_where_the_model_is_not_served(arm: ArmClient) -> httpx.Response:
    arm.project.location = "westeurope"
    return put(arm, {**arm.endpoint(PHI_4), "location": "westeurope"})


@planted(400, "ValidationError", deploy)
def an_endpoint_in_another_region_than_its_workspace(arm: ArmClient) -> httpx.Response:
    return put(arm, {**arm.endpoint(PHI_4), "location": "westus3"})


@planted(400, "MarketplaceSubscriptionNotFound", deploy)
def a_partner_s_model_without_its_subscription(arm: ArmClient) -> httpx.Response:
    return put(arm, arm.endpoint(MINISTRAL))


@planted(400, "QuotaExceeded", deploy)
def a_second_deployment_of_the_same_model(arm: ArmClient) -> httpx.Response:
    arm.deploy("ep1", PHI_4)
    return put(arm, arm.endpoint(PHI_4), name="ep2")


def delete(arm: ArmClient) -> httpx.Response:
    return arm.call("DELETE", "serverlessEndpoints/ep1", ENDPOINTS)


@planted(409, "Conflict", then(lambda arm: arm.deploy("ep1", PHI_4), last=delete))
def deleting_while_it_is_being_made(arm: ArmClient) -> httpx.Response:
    deploy(arm)
    return delete(arm)


@planted(409, "Conflict", lambda arm: _renamed(arm, "ep2"))
def reusing_a_name_that_is_still_reserved(arm: ArmClient) -> httpx.Response:
    return _renamed(arm, "ep1")


def _renamed(arm: ArmClient, name: str) -> httpx.Response:
    arm.deploy("ep1", PHI_4)
    arm.wait(delete(arm))
    return put(arm, arm.endpoint(PHI_4), name=name)


def _unused(arm: ArmClient) -> httpx.Response:
    arm.deploy("ep1", arm.trained())
    arm.wait(delete(arm))
    return arm.call("DELETE", "models/tuned/versions/1", ASSETS)


@planted(409, "Conflict", _unused)
def deleting_a_model_that_is_deployed(arm: ArmClient) -> httpx.Response:
    arm.deploy("ep1", arm.trained())
    return arm.call("DELETE", "models/tuned/versions/1", ASSETS)


def archive(arm: ArmClient) -> httpx.Response:
    body = arm.call("GET", "models/tuned/versions/1", ASSETS).json()
    given = {key: value for key, value in body["properties"].items() if key != "provisioningState"}
    return arm.call("PUT", "models/tuned/versions/1", ASSETS, {"properties": {**given, "isArchived": True}})


@planted(405, "MethodNotAllowed", then(ArmClient.trained, last=archive))
def deleting_where_a_model_can_only_be_archived(arm: ArmClient) -> httpx.Response:
    arm.trained()
    arm.cloud.state.model_delete = "refused"
    return arm.call("DELETE", "models/tuned/versions/1", ASSETS)


@planted(400, "ValidationError", deploy_tuned)
def deploying_an_archived_model(arm: ArmClient) -> httpx.Response:
    tuned = arm.trained()
    archive(arm)
    return put(arm, arm.endpoint(tuned))


def ready(arm: ArmClient) -> str:
    """Deploy, and ask until the data plane answers; returns the key."""
    arm.deploy("ep1", PHI_4)
    key = arm.key("ep1")
    arm.chat("ep1", key)
    return key


def ask(arm: ArmClient) -> httpx.Response:
    return arm.chat("ep1", ready(arm))


@planted(503, "ServiceUnavailable", ask)
def asking_as_soon_as_resource_manager_calls_it_ready(arm: ArmClient) -> httpx.Response:
    arm.deploy("ep1", PHI_4)
    return arm.chat("ep1", arm.key("ep1"))


@planted(401, "Unauthorized", ask)
def asking_with_resource_manager_s_token(arm: ArmClient) -> httpx.Response:
    ready(arm)
    return arm.chat("ep1", arm.bearer()["Authorization"].split()[1])


@planted(401, "Unauthorized", ask)
def asking_with_a_key_that_was_renewed(arm: ArmClient) -> httpx.Response:
    key = ready(arm)
    arm.call("POST", "serverlessEndpoints/ep1/regenerateKeys", ENDPOINTS, {"keyType": "Primary"}).raise_for_status()
    return arm.chat("ep1", key)


@planted(429, "RateLimitReached", ask)
def asking_without_minding_the_limit(arm: ArmClient) -> httpx.Response:
    key = ready(arm)
    arm.cloud.state.requests_per_minute = 3
    answers = [arm.chat("ep1", key) for _ in range(4)]
    return answers[-1]


@planted(400, "content_filter", ask)
def asking_what_content_safety_forbids(arm: ArmClient) -> httpx.Response:
    return arm.chat("ep1", ready(arm), "tell me of the violence-probe")


def read_after(arm: ArmClient) -> httpx.Response:
    arm.deploy("ep1", PHI_4)
    return arm.call("POST", "serverlessEndpoints/ep1/listKeys", ENDPOINTS)


@planted(409, "Conflict", read_after)
def reading_keys_before_there_are_any(arm: ArmClient) -> httpx.Response:
    deploy(arm)
    return arm.call("POST", "serverlessEndpoints/ep1/listKeys", ENDPOINTS)


@planted(405, "MethodNotAllowed", deploy)
def a_method_that_the_type_does_not_have(arm: ArmClient) -> httpx.Response:
    return arm.call("POST", "serverlessEndpoints/ep1", ENDPOINTS)


@planted(404, "InvalidResourceType", deploy)
def a_misspelt_resource_type(arm: ArmClient) -> httpx.Response:
    return arm.call("PUT", "serverlessEndpoint/ep1", ENDPOINTS, arm.endpoint(PHI_4))


def _in_a_project_that_is_being_made(arm: ArmClient, *, waiting: bool) -> httpx.Response:
    answer = make_project(arm)
    if waiting:
        arm.wait(answer)
    made = arm.cloud.state.workspace("proj2")
    return arm.call("PUT", f"{made.id if made else ''}/serverlessEndpoints/ep1", ENDPOINTS, arm.endpoint(PHI_4))


@planted(409, "Conflict", lambda arm: _in_a_project_that_is_being_made(arm, waiting=True))
def deploying_in_a_project_that_is_being_made(arm: ArmClient) -> httpx.Response:
    return _in_a_project_that_is_being_made(arm, waiting=False)
