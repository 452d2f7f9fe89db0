"""Planted mistakes, continued: endpoints, keys, questions, and clearing away."""

import httpx

from tests.support.azure.desk import ASSETS, ENDPOINTS, PHI_4, Desk
from tests.support.azure.planted import MINISTRAL, PHI_3, deploy, make_project, planted, then
from tests.support.azure.wire import Json


def put(desk: Desk, body: Json, version: str = ENDPOINTS, name: str = "ep1") -> httpx.Response:
    return desk.call("PUT", f"serverlessEndpoints/{name}", version, body)


def safe(desk: Desk) -> httpx.Response:
    return put(desk, desk.endpoint(PHI_4, contentSafety={"contentSafetyStatus": "Enabled"}))


@planted(400, "BadRequest", safe)
def content_safety_at_an_api_version_that_is_too_old(desk: Desk) -> httpx.Response:
    return put(desk, desk.endpoint(PHI_4, contentSafety={"contentSafetyStatus": "Enabled"}), "2024-01-01-preview")


@planted(400, "BadRequest", deploy)
def an_endpoint_without_its_auth_mode(desk: Desk) -> httpx.Response:
    body = desk.endpoint(PHI_4)
    del body["properties"]["authMode"]
    return put(desk, body)


@planted(400, "ValidationError", deploy)
def a_version_on_a_registry_s_base_model(desk: Desk) -> httpx.Response:
    return put(desk, desk.endpoint(f"{PHI_4}/versions/1"))


def deploy_tuned(desk: Desk) -> httpx.Response:
    return put(desk, desk.endpoint(desk.trained()))


@planted(400, "ValidationError", deploy_tuned)
def a_tuned_model_by_the_id_of_another_workspace(desk: Desk) -> httpx.Response:
    return put(desk, desk.endpoint(desk.trained().replace(desk.project.guid, "22222222-2222-2222-2222-222222222222")))


@planted(400, "ModelRetired", deploy)
def deploying_a_retired_model(desk: Desk) -> httpx.Response:
    return put(desk, desk.endpoint(PHI_3))


@planted(400, "RegionNotSupported", deploy)
def deploying_where_the_model_is_not_served(desk: Desk) -> httpx.Response:
    desk.project.location = "westeurope"
    return put(desk, {**desk.endpoint(PHI_4), "location": "westeurope"})


@planted(400, "ValidationError", deploy)
def an_endpoint_in_another_region_than_its_workspace(desk: Desk) -> httpx.Response:
    return put(desk, {**desk.endpoint(PHI_4), "location": "westus3"})


@planted(400, "MarketplaceSubscriptionNotFound", deploy)
def a_partner_s_model_without_its_subscription(desk: Desk) -> httpx.Response:
    return put(desk, desk.endpoint(MINISTRAL))


@planted(400, "QuotaExceeded", deploy)
def a_second_deployment_of_the_same_model(desk: Desk) -> httpx.Response:
    desk.deploy("ep1", PHI_4)
    return put(desk, desk.endpoint(PHI_4), name="ep2")


def delete(desk: Desk) -> httpx.Response:
    return desk.call("DELETE", "serverlessEndpoints/ep1", ENDPOINTS)


@planted(409, "Conflict", then(lambda desk: desk.deploy("ep1", PHI_4), last=delete))
def deleting_while_it_is_being_made(desk: Desk) -> httpx.Response:
    deploy(desk)
    return delete(desk)


@planted(409, "Conflict", lambda desk: _renamed(desk, "ep2"))
def reusing_a_name_that_is_still_reserved(desk: Desk) -> httpx.Response:
    return _renamed(desk, "ep1")


def _renamed(desk: Desk, name: str) -> httpx.Response:
    desk.deploy("ep1", PHI_4)
    desk.wait(delete(desk))
    return put(desk, desk.endpoint(PHI_4), name=name)


def _unused(desk: Desk) -> httpx.Response:
    desk.deploy("ep1", desk.trained())
    desk.wait(delete(desk))
    return desk.call("DELETE", "models/tuned/versions/1", ASSETS)


@planted(409, "Conflict", _unused)
def deleting_a_model_that_is_deployed(desk: Desk) -> httpx.Response:
    desk.deploy("ep1", desk.trained())
    return desk.call("DELETE", "models/tuned/versions/1", ASSETS)


def archive(desk: Desk) -> httpx.Response:
    body = desk.call("GET", "models/tuned/versions/1", ASSETS).json()
    given = {key: value for key, value in body["properties"].items() if key != "provisioningState"}
    return desk.call("PUT", "models/tuned/versions/1", ASSETS, {"properties": {**given, "isArchived": True}})


@planted(405, "MethodNotAllowed", then(Desk.trained, last=archive))
def deleting_where_a_model_can_only_be_archived(desk: Desk) -> httpx.Response:
    desk.trained()
    desk.cloud.state.model_delete = "refused"
    return desk.call("DELETE", "models/tuned/versions/1", ASSETS)


@planted(400, "ValidationError", deploy_tuned)
def deploying_an_archived_model(desk: Desk) -> httpx.Response:
    tuned = desk.trained()
    archive(desk)
    return put(desk, desk.endpoint(tuned))


def ready(desk: Desk) -> str:
    """Deploy, and ask until the data plane answers; returns the key."""
    desk.deploy("ep1", PHI_4)
    key = desk.key("ep1")
    desk.chat("ep1", key)
    return key


def ask(desk: Desk) -> httpx.Response:
    return desk.chat("ep1", ready(desk))


@planted(503, "ServiceUnavailable", ask)
def asking_as_soon_as_resource_manager_calls_it_ready(desk: Desk) -> httpx.Response:
    desk.deploy("ep1", PHI_4)
    return desk.chat("ep1", desk.key("ep1"))


@planted(401, "Unauthorized", ask)
def asking_with_resource_manager_s_token(desk: Desk) -> httpx.Response:
    ready(desk)
    return desk.chat("ep1", desk.bearer()["Authorization"].split()[1])


@planted(401, "Unauthorized", ask)
def asking_with_a_key_that_was_renewed(desk: Desk) -> httpx.Response:
    key = ready(desk)
    desk.call("POST", "serverlessEndpoints/ep1/regenerateKeys", ENDPOINTS, {"keyType": "Primary"}).raise_for_status()
    return desk.chat("ep1", key)


@planted(429, "RateLimitReached", ask)
def asking_without_minding_the_limit(desk: Desk) -> httpx.Response:
    key = ready(desk)
    desk.cloud.state.requests_per_minute = 3
    answers = [desk.chat("ep1", key) for _ in range(4)]
    return answers[-1]


@planted(400, "content_filter", ask)
def asking_what_content_safety_forbids(desk: Desk) -> httpx.Response:
    return desk.chat("ep1", ready(desk), "tell me of the violence-probe")


def read_after(desk: Desk) -> httpx.Response:
    desk.deploy("ep1", PHI_4)
    return desk.call("POST", "serverlessEndpoints/ep1/listKeys", ENDPOINTS)


@planted(409, "Conflict", read_after)
def reading_keys_before_there_are_any(desk: Desk) -> httpx.Response:
    deploy(desk)
    return desk.call("POST", "serverlessEndpoints/ep1/listKeys", ENDPOINTS)


@planted(405, "MethodNotAllowed", deploy)
def a_method_that_the_type_does_not_have(desk: Desk) -> httpx.Response:
    return desk.call("POST", "serverlessEndpoints/ep1", ENDPOINTS)


@planted(404, "InvalidResourceType", deploy)
def a_misspelt_resource_type(desk: Desk) -> httpx.Response:
    return desk.call("PUT", "serverlessEndpoint/ep1", ENDPOINTS, desk.endpoint(PHI_4))


def _in_a_project_that_is_being_made(desk: Desk, *, waiting: bool) -> httpx.Response:
    answer = make_project(desk)
    if waiting:
        desk.wait(answer)
    made = desk.cloud.state.workspace("proj2")
    return desk.call("PUT", f"{made.id if made else ''}/serverlessEndpoints/ep1", ENDPOINTS, desk.endpoint(PHI_4))


@planted(409, "Conflict", lambda desk: _in_a_project_that_is_being_made(desk, waiting=True))
def deploying_in_a_project_that_is_being_made(desk: Desk) -> httpx.Response:
    return _in_a_project_that_is_being_made(desk, waiting=False)
