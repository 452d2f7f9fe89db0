"""Serverless endpoints: what may be deployed where, with content safety unless it is switched off."""

import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.azure import versions
from tests.support.azure.routes import Call, Route, route
from tests.support.azure.shapes import only, page, required, resource_body, strings, workspace_of
from tests.support.azure.state import Asset, Resource, Workspace
from tests.support.azure.wire import AzureError, Json, Reply, UserError
from tests.support.azure.workspaces import ONE

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_ALL = ONE + "/serverlessEndpoints"
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,50}[a-zA-Z0-9]")
_TUNED = re.compile(
    r"azureml://locations/(?P<location>[^/]+)/workspaces/(?P<guid>[^/]+)/models/(?P<name>[^/]+)/versions/(?P<version>[^/]+)"
)
_MEMBERS = {"authMode", "modelSettings"}


class Serverless:
    """Answers for serverless endpoints."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        return [
            route("GET", _ALL, self._list),
            route("GET", _ALL + "/{name}", self._get),
            route("PUT", _ALL + "/{name}", self._put),
            route("PATCH", _ALL + "/{name}", self._patch),
            route("DELETE", _ALL + "/{name}", self._delete),
            route("POST", _ALL + "/{name}/listKeys", self._keys),
            route("POST", _ALL + "/{name}/regenerateKeys", self._regenerate),
        ]

    def _list(self, call: Call) -> Reply:
        workspace = workspace_of(call)
        for one in list(workspace.serverless.values()):
            self._cloud.operations.busy(one.operation)
        return page(call, [body_of(workspace, one, call.version) for one in workspace.serverless.values()])

    def _get(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._cloud.operations.busy(found.operation)
        workspace, found = self._find(call)
        return Reply(200, body_of(workspace, found, call.version))

    def _put(self, call: Call) -> Reply:
        workspace, name, body = workspace_of(call), call.args["name"], call.body()
        given: Json = body.get("properties") or {}
        self._check(call, workspace, body, given)
        known = workspace.serverless.get(name)
        if known is not None:
            return self._update(call, workspace, known, body)
        until = workspace.reserved.get(name)
        if until is not None and until > call.now:
            message = f"The endpoint name '{name}' was used recently and is reserved until {until:%Y-%m-%dT%H:%M:%SZ}."
            message = f"{message} Use another name."
            raise UserError(409, message, code="Conflict")
        self._model(call, workspace, given)
        if len(workspace.serverless) >= self._cloud.state.serverless_endpoints_limit:
            limit = self._cloud.state.serverless_endpoints_limit
            message = f"The limit of {limit} serverless endpoints in this region is reached."
            raise UserError(400, message, code="QuotaExceeded")
        made = Resource("serverlessEndpoints", name, body, call.now)
        made.looks_until_ready = self._cloud.state.pace.data_plane_looks
        made.keys = {"primaryKey": secrets.token_urlsafe(24), "secondaryKey": secrets.token_urlsafe(24)}
        workspace.serverless[name] = made
        self._cloud.write_down(call, "create", call.request.path, name, made.tags)

        def finish() -> Json:
            made.state = "Succeeded"
            self._cloud.operations.fails(made)
            return body_of(workspace, made, call.version)

        made.operation = self._cloud.operations.begin(finish)
        headers = self._cloud.operations.headers(made.operation, call, workspace.location)
        return Reply(201, body_of(workspace, made, call.version), headers)

    def _update(self, call: Call, workspace: Workspace, known: Resource, body: Json) -> Reply:
        self._free(known)
        given: Json = body.get("properties") or {}
        if _model_id(given) != _model_id(known.properties):
            raise UserError(
                400, f"The model of serverless endpoint '{known.name}' cannot be changed.", code="ValidationError"
            )
        self._cloud.write_down(call, "update", call.request.path, known.name, known.tags)
        known.body = {**known.body, **body, "properties": {**known.properties, **given}}
        return Reply(200, body_of(workspace, known, call.version))

    def _patch(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._free(found)
        body = call.body()
        only(body, {"tags", "identity", "sku"}, "PartialMinimalTrackedResourceWithSku")
        strings(body.get("tags"), "tags")
        self._cloud.write_down(call, "update", call.request.path, found.name, found.tags)
        found.body["tags"] = {**found.tags, **(body.get("tags") or {})}
        return Reply(200, body_of(workspace, found, call.version))

    def _delete(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._free(found)
        self._cloud.write_down(call, "delete", call.request.path, found.name, found.tags)
        found.state = "Deleting"

        def finish() -> None:
            workspace.serverless.pop(found.name, None)
            span = timedelta(seconds=self._cloud.state.pace.name_reserved)
            workspace.reserved[found.name] = self._cloud.clock.now() + span

        found.operation = self._cloud.operations.begin(finish)
        return Reply(202, None, self._cloud.operations.headers(found.operation, call, workspace.location))

    def _keys(self, call: Call) -> Reply:
        _, found = self._find(call)
        if self._cloud.operations.running(found.operation):
            raise UserError(
                409, f"Endpoint '{found.name}' is being created; its keys are not available yet.", code="Conflict"
            )
        if found.properties.get("authMode", "Key") == "AAD":
            raise UserError(
                400, f"Endpoint '{found.name}' uses AAD authentication and has no keys.", code="ValidationError"
            )
        self._cloud.write_down(call, "read-keys", call.scope, found.name, found.tags)
        return Reply(200, dict(found.keys))

    def _regenerate(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._free(found)
        which = str(call.body().get("keyType", ""))
        if which.lower() not in {"primary", "secondary"}:
            raise AzureError(400, "BadRequest", f"Requested value '{which}' was not found. Path 'keyType'.")
        found.keys[f"{which.lower()}Key"] = secrets.token_urlsafe(24)
        self._cloud.write_down(call, "update", call.scope, found.name, found.tags)
        operation = self._cloud.operations.begin(lambda: dict(found.keys), looks=0)
        return Reply(202, None, self._cloud.operations.headers(operation, call, workspace.location))

    def _find(self, call: Call) -> tuple[Workspace, Resource]:
        workspace = workspace_of(call)
        found = workspace.serverless.get(call.args["name"])
        if found is None:
            message = f"Serverless endpoint '{call.args['name']}' in workspace '{workspace.name}' was not found."
            raise UserError(404, message, code="ResourceNotFound")
        return workspace, found

    def _free(self, found: Resource) -> None:
        """Refuse while another operation runs, as every service does that keeps one at a time."""
        if self._cloud.operations.running(found.operation):
            what = "Delete" if found.state == "Deleting" else "Create"
            raise UserError(
                409, f"Already running method {what} on endpoint '{found.name}'. Please retry later.", code="Conflict"
            )

    def _check(self, call: Call, workspace: Workspace, body: Json, given: Json) -> None:
        if not _NAME.fullmatch(call.args["name"]):
            message = (
                f"Endpoint name '{call.args['name']}' is invalid: 3 to 52 letters, digits and '-', a letter first."
            )
            raise UserError(400, message, code="ValidationError")
        allowed = _MEMBERS | (
            {"contentSafety"} if call.version >= versions.CONTENT_SAFETY_SINCE else {"offer", "capacityReservation"}
        )
        only(given, allowed, "ServerlessEndpoint", "properties.")
        required(body, ("location",))
        strings(body.get("tags"), "tags")
        if body["location"].replace(" ", "").lower() != workspace.location:
            message = (
                f"The location '{body['location']}' of the endpoint must be its workspace's, '{workspace.location}'."
            )
            raise UserError(400, message, code="ValidationError")
        if (body.get("sku") or {}).get("name", "Consumption") != "Consumption":
            raise UserError(400, "The SKU of a serverless endpoint must be 'Consumption'.", code="ValidationError")
        if call.version >= "2024-10-01":
            required(given, ("authMode",), "properties.")
        modes = {"Key"} if call.version == "2024-10-01" else {"Key", "AAD", "KeyAndAAD"}
        if given.get("authMode", "Key") not in modes:
            raise AzureError(
                400, "BadRequest", f"Requested value '{given['authMode']}' was not found. Path 'properties.authMode'."
            )
        _check_safety(given.get("contentSafety"), call.version)
        required(given.get("modelSettings") or {}, ("modelId",), "properties.modelSettings.")

    def _model(self, call: Call, workspace: Workspace, given: Json) -> None:
        named = _model_id(given)
        tuned = _TUNED.fullmatch(named)
        uri = named
        if tuned is not None:
            uri = str((self._asset(workspace, tuned).properties.get("properties") or {}).get("baseModelId", ""))
        model, version = self._cloud.catalog.by_uri(uri)
        if model is None:
            raise UserError(
                400, f"The model id '{named}' is not valid for a serverless endpoint.", code="ValidationError"
            )
        if tuned is None and version is not None:
            message = f"The model id '{named}' must not have a version: the latest of a registry model is served."
            raise UserError(400, message, code="ValidationError")
        if model.retired and model.retired <= call.now.date():
            message = f"The model '{model.name}' has been retired on {model.retired:%Y-%m-%d}: no new deployments."
            raise UserError(400, message, code="ModelRetired")
        regions = model.deploy_regions or model.tuning_regions
        if workspace.location not in regions:
            message = (
                f"The model '{model.name}' is not available for serverless deployment in region '{workspace.location}'."
            )
            raise UserError(
                400, f"{message} Supported regions: {', '.join(regions) or 'none'}.", code="RegionNotSupported"
            )
        if any(_model_id(one.properties) == named for one in workspace.serverless.values()):
            message = f"There is a serverless endpoint for model '{named}' in this project already: one per model."
            raise UserError(400, message, code="QuotaExceeded")
        if model.partner and not _subscribed(workspace, model.registry, model.name):
            position = f"azureml://registries/{model.registry}/models/{model.name}"
            message = f"A marketplace subscription for model '{position}' is required."
            raise UserError(400, message, code="MarketplaceSubscriptionNotFound")

    def _asset(self, workspace: Workspace, tuned: re.Match[str]) -> Asset:
        if tuned["guid"] != workspace.guid or tuned["location"] != workspace.location:
            named = f"workspace {tuned['guid']} in {tuned['location']}"
            message = f"The model is not in this workspace: '{tuned[0]}' names {named}."
            raise UserError(400, message, code="ValidationError")
        found = workspace.models.get(tuned["name"], {}).get(tuned["version"])
        if found is None:
            raise UserError(404, f"Model {tuned['name']}:{tuned['version']} was not found.", code="NotFound")
        if found.properties.get("isArchived"):
            raise UserError(
                400,
                f"Model {tuned['name']}:{tuned['version']} is archived and cannot be deployed.",
                code="ValidationError",
            )
        return found


def _check_safety(given: Json | None, version: str) -> None:
    """Refuse content safety that the api-version does not know; raises AzureError 400."""
    if given is None:
        return
    path = "properties.contentSafety."
    only(
        given,
        {"contentSafetyStatus"} | ({"contentSafetyLevel"} if version in versions.SAFETY_LEVEL else set()),
        "ContentSafety",
        path,
    )
    required(given, ("contentSafetyStatus", *versions.SAFETY_LEVEL.get(version, ())), path)
    if given["contentSafetyStatus"] not in {"Enabled", "Disabled"}:
        message = f"Requested value '{given['contentSafetyStatus']}' was not found. Path '{path}contentSafetyStatus'."
        raise AzureError(400, "BadRequest", message)


def _safety(given: Json | None, version: str) -> Json:
    """Return the content safety of an endpoint: on, unless it was switched off."""
    status = (given or {}).get("contentSafetyStatus", "Enabled")
    level = (given or {}).get("contentSafetyLevel", "Blocking")
    return {"contentSafetyStatus": status, **dict.fromkeys(versions.SAFETY_LEVEL.get(version, ()), level)}


def _subscribed(workspace: Workspace, registry: str, name: str) -> bool:
    wanted = f"azureml://registries/{registry}/models/{name}"
    return any(
        one.properties.get("modelId") == wanted and one.state == "Succeeded" for one in workspace.marketplace.values()
    )


def _model_id(properties: Json) -> str:
    return str((properties.get("modelSettings") or {}).get("modelId") or "")


def host_of(workspace: Workspace, name: str) -> str:
    """Return the host that serves an endpoint."""
    return f"{name.lower()}.{workspace.location}.models.ai.azure.com"


def body_of(workspace: Workspace, one: Resource, version: str) -> Json:
    """Return an endpoint as the service writes it at an api-version."""
    given = one.properties
    states = {"Creating": "Creating", "Succeeded": "Online", "Deleting": "Deleting", "Failed": "CreationFailed"}
    properties: Json = {"authMode": given.get("authMode") or "Key", "modelSettings": {"modelId": _model_id(given)}}
    if version >= "2024-01-01-preview":
        properties["endpointState"] = states.get(one.state, one.state)
    properties["provisioningState"] = one.state
    if version >= versions.CONTENT_SAFETY_SINCE:
        properties["contentSafety"] = _safety(given.get("contentSafety"), version)
    if one.state == "Succeeded":
        properties["inferenceEndpoint"] = {"uri": f"https://{host_of(workspace, one.name)}", "headers": {}}
    if version == "2024-10-01" and properties["authMode"] != "Key":
        properties["authMode"] = "Key"
    return resource_body(workspace, one, properties)
