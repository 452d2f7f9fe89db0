"""Mistakes that a client of Azure makes, planted one by one: each is sent as it would be, and beside it the right call.

The emulator is strict if every wrong call is refused with Azure's own code and every right one passes. A mistake that
Azure accepts at first and tells later (bad data, an unknown hyperparameter) is refused by the job's failure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import httpx

from tests.support.azure.arm_client import ENDPOINTS, PHI_4, WORKSPACES, ArmClient
from tests.support.azure.roles import CONTRIBUTOR, READER, TRAIN_ONLY
from tests.support.azure.seed import GROUP_SCOPE
from tests.support.azure.tokens import ML, STORAGE
from tests.support.azure.wire import Json

PHI_3 = "azureml://registries/azureml/models/Phi-3-mini-4k-instruct"
MINISTRAL = "azureml://registries/azureml-mistral/models/Ministral-3B"
DATA = "https://eastus2.api.azureml.ms"

Act = Callable[[ArmClient], httpx.Response]


@dataclass(frozen=True, slots=True)
class Mistake:
    """`wrong` must be answered with `status` and `code` (or end in a failure that says `code`); `right` must pass."""

    name: str
    status: int
    code: str
    wrong: Act
    right: Act


MISTAKES: list[Mistake] = []


def planted(status: int, code: str, right: Act) -> Callable[[Act], Act]:
    """Put a mistake on the list under its function's name."""

    def keep(wrong: Act) -> Act:
        MISTAKES.append(Mistake(wrong.__name__, status, code, wrong, right))
        return wrong

    return keep


def then(*steps: Callable[[ArmClient], object], last: Act) -> Act:
    """Return an act that takes the steps before it."""

    def act(arm: ArmClient) -> httpx.Response:
        for step in steps:
            step(arm)
        return last(arm)

    return act


# ------------------------------------------------------------------------------------------------ tokens and versions
def read_project(arm: ArmClient) -> httpx.Response:
    return arm.call("GET", arm.project.id, WORKSPACES)


@planted(401, "AuthenticationFailed", read_project)
def no_bearer(arm: ArmClient) -> httpx.Response:
    return arm.call("GET", arm.project.id, WORKSPACES, headers={})


@planted(401, "InvalidAuthenticationTokenAudience", read_project)
def wrong_audience(arm: ArmClient) -> httpx.Response:
    return arm.call("GET", arm.project.id, WORKSPACES, headers=arm.bearer(ML))


@planted(401, "InvalidAuthenticationToken", read_project)
def a_token_of_somebody_else_s_making(arm: ArmClient) -> httpx.Response:
    return arm.call("GET", arm.project.id, WORKSPACES, headers={"Authorization": f"{arm.bearer()['Authorization']}x"})


@planted(401, "ExpiredAuthenticationToken", read_project)
def a_token_kept_too_long(arm: ArmClient) -> httpx.Response:
    old = arm.bearer()
    arm.cloud.clock.turn(timedelta(hours=2))
    return arm.call("GET", arm.project.id, WORKSPACES, headers=old)


@planted(400, "MissingApiVersionParameter", read_project)
def missing_api_version(arm: ArmClient) -> httpx.Response:
    return arm.call("GET", arm.project.id)


@planted(400, "NoRegisteredProviderFound", read_project)
def an_api_version_that_does_not_exist(arm: ArmClient) -> httpx.Response:
    return arm.call("GET", arm.project.id, "2024-13-01")


@planted(400, "InvalidApiVersionParameter", lambda arm: arm.call("GET", GROUP_SCOPE, "2021-04-01"))
def another_provider_s_api_version(arm: ArmClient) -> httpx.Response:
    return arm.call("GET", GROUP_SCOPE, "2024-10-01-preview")


@planted(404, "SubscriptionNotFound", read_project)
def a_subscription_that_is_not_ours(arm: ArmClient) -> httpx.Response:
    return arm.call("GET", arm.project.id.replace("0001", "0002", 1), WORKSPACES)


@planted(404, "ResourceGroupNotFound", read_project)
def a_group_that_does_not_exist(arm: ArmClient) -> httpx.Response:
    _granted(arm)
    return arm.call("GET", arm.project.id.replace("/rg1/", "/rg2/"), WORKSPACES)


def _granted(arm: ArmClient) -> None:
    arm.cloud.seed.grant(CONTRIBUTOR, scope=GROUP_SCOPE.rsplit("/resourceGroups", 1)[0])


def blob(arm: ArmClient, headers: dict[str, str]) -> httpx.Response:
    storage = arm.project.storage
    url = f"https://{storage.account}.blob.core.windows.net/{storage.container}"
    return arm.call("GET", url, headers={**headers, "x-ms-version": "2021-12-02"}, restype="container", comp="list")


def list_blobs(arm: ArmClient) -> httpx.Response:
    arm.cloud.seed.grant("Storage Blob Data Contributor")
    return blob(arm, arm.bearer(STORAGE))


@planted(401, "InvalidAuthenticationTokenAudience", list_blobs)
def resource_manager_s_token_for_a_blob(arm: ArmClient) -> httpx.Response:
    arm.cloud.seed.grant("Storage Blob Data Contributor")
    return blob(arm, arm.bearer())


@planted(403, "AuthorizationPermissionMismatch", list_blobs)
def blobs_without_a_data_role(arm: ArmClient) -> httpx.Response:
    return blob(arm, arm.bearer(STORAGE))


# ---------------------------------------------------------------------------------------------------------------- roles
def deploy(arm: ArmClient) -> httpx.Response:
    return arm.call("PUT", "serverlessEndpoints/ep1", ENDPOINTS, arm.endpoint(PHI_4))


@planted(403, "AuthorizationFailed", deploy)
def deploying_with_a_role_that_only_trains(arm: ArmClient) -> httpx.Response:
    arm.cloud.seed.take_away()
    arm.cloud.seed.grant(TRAIN_ONLY)
    return deploy(arm)


@planted(403, "AuthorizationFailed", lambda arm: arm.submit("job-1", arm.job(arm.data("d", arm.rows()))))
def training_as_a_reader(arm: ArmClient) -> httpx.Response:
    body = arm.job(arm.data("d", arm.rows()))
    arm.cloud.seed.take_away()
    arm.cloud.seed.grant(READER)
    return arm.submit("job-1", body)


def keys_of(arm: ArmClient) -> httpx.Response:
    return arm.call("POST", "serverlessEndpoints/ep1/listKeys", ENDPOINTS)


def read_keys(arm: ArmClient) -> httpx.Response:
    arm.deploy("ep1", PHI_4)
    return keys_of(arm)


@planted(403, "AuthorizationFailed", read_keys)
def reading_keys_without_the_action(arm: ArmClient) -> httpx.Response:
    arm.deploy("ep1", PHI_4)
    arm.cloud.seed.take_away()
    arm.cloud.seed.grant(READER)
    return keys_of(arm)


def project_body(arm: ArmClient, **properties: str) -> Json:
    given = {"hubResourceId": arm.cloud.seed.hub.id, **properties}
    return {"location": "eastus2", "kind": "Project", "identity": {"type": "SystemAssigned"}, "properties": given}


def make_project(arm: ArmClient, **properties: str) -> httpx.Response:
    arm.cloud.seed.grant(CONTRIBUTOR)
    return arm.call(
        "PUT",
        f"{GROUP_SCOPE}/providers/Microsoft.MachineLearningServices/workspaces/proj2",
        WORKSPACES,
        project_body(arm, **properties),
    )


@planted(403, "AuthorizationFailed", make_project)
def making_a_project_as_a_developer(arm: ArmClient) -> httpx.Response:
    return arm.call(
        "PUT",
        f"{GROUP_SCOPE}/providers/Microsoft.MachineLearningServices/workspaces/proj2",
        WORKSPACES,
        project_body(arm),
    )


def register(arm: ArmClient) -> httpx.Response:
    return arm.call(
        "POST", f"{GROUP_SCOPE.rsplit('/resourceGroups', 1)[0]}/providers/Microsoft.SaaS/register", "2021-04-01"
    )


@planted(403, "AuthorizationFailed", then(_granted, last=register))
def registering_a_provider_without_the_right(arm: ArmClient) -> httpx.Response:
    return register(arm)


# ------------------------------------------------------------------------------------------------- hubs and templates
_DECLARED: Json = {
    "workspaceName": {"type": "string"},
    "location": {"type": "string"},
    "kind": {"type": "string", "defaultValue": "Default"},
    "workspace_hub": {"type": "string", "defaultValue": ""},
    "publicNetworkAccess": {"type": "string", "defaultValue": "Enabled", "allowedValues": ["Disabled", "Enabled"]},
}


def by_template(
    arm: ArmClient, *, without: str = "", kind: str = "Microsoft.MachineLearningServices/workspaces", **more: object
) -> httpx.Response:
    arm.cloud.seed.grant(CONTRIBUTOR)
    given: Json = {
        "workspaceName": "proj3",
        "location": "eastus2",
        "kind": "project",
        "workspace_hub": arm.cloud.seed.hub.id,
        **more,
    }
    given.pop(without, None)
    body = arm.template(given, _DECLARED, [kind])
    return arm.call("PUT", f"{GROUP_SCOPE}/providers/Microsoft.Resources/deployments/proj3-1234567", "2020-06-01", body)


@planted(400, "InvalidTemplate", by_template)
def the_sdk_s_access_type_in_a_template(arm: ArmClient) -> httpx.Response:
    return by_template(arm, publicNetworkAccess="PublicNetworkAccessType.ENABLED")


@planted(400, "InvalidTemplate", by_template)
def a_template_without_a_required_parameter(arm: ArmClient) -> httpx.Response:
    return by_template(arm, without="location")


@planted(400, "InvalidTemplate", by_template)
def a_parameter_that_the_template_does_not_have(arm: ArmClient) -> httpx.Response:
    return by_template(arm, sku="Basic")


@planted(400, "InvalidResourceType", by_template)
def a_resource_type_that_does_not_exist(arm: ArmClient) -> httpx.Response:
    return by_template(arm, kind="Microsoft.MachineLearningServices/workspace")


@planted(400, "BadRequest", make_project)
def the_sdk_s_access_type_in_a_project(arm: ArmClient) -> httpx.Response:
    return make_project(arm, publicNetworkAccess="PublicNetworkAccessType.ENABLED")


@planted(400, "ValidationError", make_project)
def a_project_of_a_hub_that_does_not_exist(arm: ArmClient) -> httpx.Response:
    return make_project(arm, hubResourceId=arm.cloud.seed.hub.id.replace("hub1", "hub9"))
