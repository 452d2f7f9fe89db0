"""Mistakes that a client of Azure makes, planted one by one: each is sent as it would be, and beside it the right call.

The emulator is strict if every wrong call is refused with Azure's own code and every right one passes. A mistake that
Azure accepts at first and tells later (bad data, an unknown hyperparameter) is refused by the job's failure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import httpx

from tests.support.azure.desk import ENDPOINTS, PHI_4, WORKSPACES, Desk
from tests.support.azure.roles import CONTRIBUTOR, READER, TRAIN_ONLY
from tests.support.azure.seed import GROUP_SCOPE
from tests.support.azure.tokens import ML, STORAGE
from tests.support.azure.wire import Json

PHI_3 = "azureml://registries/azureml/models/Phi-3-mini-4k-instruct"
MINISTRAL = "azureml://registries/azureml-mistral/models/Ministral-3B"
DATA = "https://eastus2.api.azureml.ms"

Act = Callable[[Desk], httpx.Response]


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


def then(*steps: Callable[[Desk], object], last: Act) -> Act:
    """Return an act that takes the steps before it."""

    def act(desk: Desk) -> httpx.Response:
        for step in steps:
            step(desk)
        return last(desk)

    return act


# ------------------------------------------------------------------------------------------------ tokens and versions
def read_project(desk: Desk) -> httpx.Response:
    return desk.call("GET", desk.project.id, WORKSPACES)


@planted(401, "AuthenticationFailed", read_project)
def no_bearer(desk: Desk) -> httpx.Response:
    return desk.call("GET", desk.project.id, WORKSPACES, headers={})


@planted(401, "InvalidAuthenticationTokenAudience", read_project)
def wrong_audience(desk: Desk) -> httpx.Response:
    return desk.call("GET", desk.project.id, WORKSPACES, headers=desk.bearer(ML))


@planted(401, "InvalidAuthenticationToken", read_project)
def a_token_of_somebody_else_s_making(desk: Desk) -> httpx.Response:
    return desk.call(
        "GET", desk.project.id, WORKSPACES, headers={"Authorization": f"{desk.bearer()['Authorization']}x"}
    )


@planted(401, "ExpiredAuthenticationToken", read_project)
def a_token_kept_too_long(desk: Desk) -> httpx.Response:
    old = desk.bearer()
    desk.cloud.clock.turn(timedelta(hours=2))
    return desk.call("GET", desk.project.id, WORKSPACES, headers=old)


@planted(400, "MissingApiVersionParameter", read_project)
def missing_api_version(desk: Desk) -> httpx.Response:
    return desk.call("GET", desk.project.id)


@planted(400, "NoRegisteredProviderFound", read_project)
def an_api_version_that_does_not_exist(desk: Desk) -> httpx.Response:
    return desk.call("GET", desk.project.id, "2024-13-01")


@planted(400, "InvalidApiVersionParameter", lambda desk: desk.call("GET", GROUP_SCOPE, "2021-04-01"))
def another_provider_s_api_version(desk: Desk) -> httpx.Response:
    return desk.call("GET", GROUP_SCOPE, "2024-10-01-preview")


@planted(404, "SubscriptionNotFound", read_project)
def a_subscription_that_is_not_ours(desk: Desk) -> httpx.Response:
    return desk.call("GET", desk.project.id.replace("0001", "0002", 1), WORKSPACES)


@planted(404, "ResourceGroupNotFound", read_project)
def a_group_that_does_not_exist(desk: Desk) -> httpx.Response:
    _granted(desk)
    return desk.call("GET", desk.project.id.replace("/rg1/", "/rg2/"), WORKSPACES)


def _granted(desk: Desk) -> None:
    desk.cloud.seed.grant(CONTRIBUTOR, scope=GROUP_SCOPE.rsplit("/resourceGroups", 1)[0])


def blob(desk: Desk, headers: dict[str, str]) -> httpx.Response:
    storage = desk.project.storage
    url = f"https://{storage.account}.blob.core.windows.net/{storage.container}"
    return desk.call("GET", url, headers={**headers, "x-ms-version": "2021-12-02"}, restype="container", comp="list")


def list_blobs(desk: Desk) -> httpx.Response:
    desk.cloud.seed.grant("Storage Blob Data Contributor")
    return blob(desk, desk.bearer(STORAGE))


@planted(401, "InvalidAuthenticationTokenAudience", list_blobs)
def resource_manager_s_token_for_a_blob(desk: Desk) -> httpx.Response:
    desk.cloud.seed.grant("Storage Blob Data Contributor")
    return blob(desk, desk.bearer())


@planted(403, "AuthorizationPermissionMismatch", list_blobs)
def blobs_without_a_data_role(desk: Desk) -> httpx.Response:
    return blob(desk, desk.bearer(STORAGE))


# ---------------------------------------------------------------------------------------------------------------- roles
def deploy(desk: Desk) -> httpx.Response:
    return desk.call("PUT", "serverlessEndpoints/ep1", ENDPOINTS, desk.endpoint(PHI_4))


@planted(403, "AuthorizationFailed", deploy)
def deploying_with_a_role_that_only_trains(desk: Desk) -> httpx.Response:
    desk.cloud.seed.take_away()
    desk.cloud.seed.grant(TRAIN_ONLY)
    return deploy(desk)


@planted(403, "AuthorizationFailed", lambda desk: desk.submit("job-1", desk.job(desk.data("d", desk.rows()))))
def training_as_a_reader(desk: Desk) -> httpx.Response:
    body = desk.job(desk.data("d", desk.rows()))
    desk.cloud.seed.take_away()
    desk.cloud.seed.grant(READER)
    return desk.submit("job-1", body)


def keys_of(desk: Desk) -> httpx.Response:
    return desk.call("POST", "serverlessEndpoints/ep1/listKeys", ENDPOINTS)


def read_keys(desk: Desk) -> httpx.Response:
    desk.deploy("ep1", PHI_4)
    return keys_of(desk)


@planted(403, "AuthorizationFailed", read_keys)
def reading_keys_without_the_action(desk: Desk) -> httpx.Response:
    desk.deploy("ep1", PHI_4)
    desk.cloud.seed.take_away()
    desk.cloud.seed.grant(READER)
    return keys_of(desk)


def project_body(desk: Desk, **properties: str) -> Json:
    given = {"hubResourceId": desk.cloud.seed.hub.id, **properties}
    return {"location": "eastus2", "kind": "Project", "identity": {"type": "SystemAssigned"}, "properties": given}


def make_project(desk: Desk, **properties: str) -> httpx.Response:
    desk.cloud.seed.grant(CONTRIBUTOR)
    return desk.call(
        "PUT",
        f"{GROUP_SCOPE}/providers/Microsoft.MachineLearningServices/workspaces/proj2",
        WORKSPACES,
        project_body(desk, **properties),
    )


@planted(403, "AuthorizationFailed", make_project)
def making_a_project_as_a_developer(desk: Desk) -> httpx.Response:
    return desk.call(
        "PUT",
        f"{GROUP_SCOPE}/providers/Microsoft.MachineLearningServices/workspaces/proj2",
        WORKSPACES,
        project_body(desk),
    )


def register(desk: Desk) -> httpx.Response:
    return desk.call(
        "POST", f"{GROUP_SCOPE.rsplit('/resourceGroups', 1)[0]}/providers/Microsoft.SaaS/register", "2021-04-01"
    )


@planted(403, "AuthorizationFailed", then(_granted, last=register))
def registering_a_provider_without_the_right(desk: Desk) -> httpx.Response:
    return register(desk)


# ------------------------------------------------------------------------------------------------- hubs and templates
_DECLARED: Json = {
    "workspaceName": {"type": "string"},
    "location": {"type": "string"},
    "kind": {"type": "string", "defaultValue": "Default"},
    "workspace_hub": {"type": "string", "defaultValue": ""},
    "publicNetworkAccess": {"type": "string", "defaultValue": "Enabled", "allowedValues": ["Disabled", "Enabled"]},
}


def by_template(
    desk: Desk, *, without: str = "", kind: str = "Microsoft.MachineLearningServices/workspaces", **more: object
) -> httpx.Response:
    desk.cloud.seed.grant(CONTRIBUTOR)
    given: Json = {
        "workspaceName": "proj3",
        "location": "eastus2",
        "kind": "project",
        "workspace_hub": desk.cloud.seed.hub.id,
        **more,
    }
    given.pop(without, None)
    body = desk.template(given, _DECLARED, [kind])
    return desk.call(
        "PUT", f"{GROUP_SCOPE}/providers/Microsoft.Resources/deployments/proj3-1234567", "2020-06-01", body
    )


@planted(400, "InvalidTemplate", by_template)
def the_sdk_s_access_type_in_a_template(desk: Desk) -> httpx.Response:
    return by_template(desk, publicNetworkAccess="PublicNetworkAccessType.ENABLED")


@planted(400, "InvalidTemplate", by_template)
def a_template_without_a_required_parameter(desk: Desk) -> httpx.Response:
    return by_template(desk, without="location")


@planted(400, "InvalidTemplate", by_template)
def a_parameter_that_the_template_does_not_have(desk: Desk) -> httpx.Response:
    return by_template(desk, sku="Basic")


@planted(400, "InvalidResourceType", by_template)
def a_resource_type_that_does_not_exist(desk: Desk) -> httpx.Response:
    return by_template(desk, kind="Microsoft.MachineLearningServices/workspace")


@planted(400, "BadRequest", make_project)
def the_sdk_s_access_type_in_a_project(desk: Desk) -> httpx.Response:
    return make_project(desk, publicNetworkAccess="PublicNetworkAccessType.ENABLED")


@planted(400, "ValidationError", make_project)
def a_project_of_a_hub_that_does_not_exist(desk: Desk) -> httpx.Response:
    return make_project(desk, hubResourceId=desk.cloud.seed.hub.id.replace("hub1", "hub9"))
