"""Managed online endpoints and their deployments."""

import re
import secrets
from typing import TYPE_CHECKING

from tests.support.azure.routes import Call, Route, route
from tests.support.azure.shapes import page, required, resource_body, strings, workspace_of
from tests.support.azure.state import Resource, Workspace
from tests.support.azure.wire import AzureError, Json, Reply, UserError
from tests.support.azure.workspaces import ONE, VM_SIZES

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_ALL = ONE + "/onlineEndpoints"
_BELOW = _ALL + "/{name}/deployments"
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")
_MODES = {"Key", "AMLToken", "AADToken"}


class Online:
    """Answers for online endpoints."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        return [
            route("GET", _ALL, self._list),
            route("GET", _ALL + "/{name}", self._get),
            route("PUT", _ALL + "/{name}", self._put),
            route("DELETE", _ALL + "/{name}", self._delete),
            route("POST", _ALL + "/{name}/listKeys", self._keys),
            route("POST", _ALL + "/{name}/token", self._token),
            route("GET", _BELOW, self._deployments),
            route("GET", _BELOW + "/{deployment}", self._deployment),
            route("PUT", _BELOW + "/{deployment}", self._deploy),
            route("DELETE", _BELOW + "/{deployment}", self._undeploy),
            route("POST", _BELOW + "/{deployment}/getLogs", self._logs),
        ]

    def _list(self, call: Call) -> Reply:
        workspace = workspace_of(call)
        return page(call, [endpoint_body(workspace, one) for one in workspace.online.values()])

    def _get(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._cloud.operations.busy(found.operation)
        workspace, found = self._find(call)
        return Reply(200, endpoint_body(workspace, found))

    def _put(self, call: Call) -> Reply:
        workspace, name, body = workspace_of(call), call.args["name"], call.body()
        given: Json = body.get("properties") or {}
        if not _NAME.fullmatch(name):
            raise UserError(
                400, f"Endpoint name '{name}' is invalid: 3 to 32 letters, digits and '-'.", code="ValidationError"
            )
        required(body, ("location",))
        required(given, ("authMode",), "properties.")
        strings(body.get("tags"), "tags")
        if given["authMode"] not in _MODES:
            raise AzureError(
                400, "BadRequest", f"Requested value '{given['authMode']}' was not found. Path 'properties.authMode'."
            )
        known = workspace.online.get(name)
        if known is not None:
            return self._update(call, workspace, known, body)
        made = Resource("onlineEndpoints", name, body, call.now)
        made.keys = {"primaryKey": secrets.token_urlsafe(24), "secondaryKey": secrets.token_urlsafe(24)}
        workspace.online[name] = made
        self._cloud.write_down(call, "create", call.request.path, name, made.tags)
        return self._begin(call, workspace, made, 201)

    def _update(self, call: Call, workspace: Workspace, known: Resource, body: Json) -> Reply:
        self._free(known)
        traffic = (body.get("properties") or {}).get("traffic") or {}
        missing = sorted(set(traffic) - set(known.children))
        if missing:
            raise UserError(
                400, f"Traffic names deployments that do not exist: {', '.join(missing)}.", code="ValidationError"
            )
        if sum(traffic.values()) not in {0, 100}:
            raise UserError(
                400, "The traffic of an endpoint's deployments must add up to 0 or 100.", code="ValidationError"
            )
        self._cloud.write_down(call, "update", call.request.path, known.name, known.tags)
        known.body = {**known.body, **body, "properties": {**known.properties, **(body.get("properties") or {})}}
        return self._begin(call, workspace, known, 200)

    def _begin(self, call: Call, workspace: Workspace, one: Resource, status: int) -> Reply:
        one.state = "Creating" if status == 201 else "Updating"

        def finish() -> Json:
            one.state = "Succeeded"
            self._cloud.operations.fails(one)
            return endpoint_body(workspace, one)

        one.operation = self._cloud.operations.begin(finish)
        return Reply(
            status,
            endpoint_body(workspace, one),
            self._cloud.operations.headers(one.operation, call, workspace.location),
        )

    def _delete(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._free(found)
        self._cloud.write_down(call, "delete", call.request.path, found.name, found.tags)
        found.state = "Deleting"

        def finish() -> None:
            workspace.online.pop(found.name, None)
            for deployment in found.children.values():
                self._use(workspace, deployment, -1)

        found.operation = self._cloud.operations.begin(finish)
        return Reply(202, None, self._cloud.operations.headers(found.operation, call, workspace.location))

    def _keys(self, call: Call) -> Reply:
        _, found = self._find(call)
        if found.properties["authMode"] != "Key":
            raise UserError(400, f"Endpoint '{found.name}' does not use key authentication.", code="ValidationError")
        self._cloud.write_down(call, "read-keys", call.scope, found.name, found.tags)
        return Reply(200, dict(found.keys))

    def _token(self, call: Call) -> Reply:
        _, found = self._find(call)
        now = int(call.now.timestamp())
        self._cloud.write_down(call, "read-keys", call.scope, found.name, found.tags)
        token = found.keys["primaryKey"]
        return Reply(
            200,
            {
                "accessToken": token,
                "expiryTimeUtc": now + 28_800,
                "refreshAfterTimeUtc": now + 14_400,
                "tokenType": "Bearer",
            },
        )

    def _deployments(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        return page(call, [self._deployment_body(workspace, found, one) for one in found.children.values()])

    def _deployment(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        one = self._child(call, found)
        self._cloud.operations.busy(one.operation)
        return Reply(200, self._deployment_body(workspace, found, self._child(call, found)))

    def _deploy(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._free(found)
        name, body = call.args["deployment"], call.body()
        given: Json = body.get("properties") or {}
        required(given, ("endpointComputeType", "model", "instanceType"), "properties.")
        if given["instanceType"] not in VM_SIZES:
            raise UserError(400, f"Instance type '{given['instanceType']}' is not supported.", code="ValidationError")
        self._model(workspace, str(given["model"]))
        known = found.children.get(name)
        made = Resource("deployments", name, body, call.now)
        if known is None:
            self._use(workspace, made, 1)
        found.children[name] = made
        self._cloud.write_down(call, "update" if known else "create", call.request.path, name, made.tags)

        def finish() -> Json:
            made.state = "Succeeded"
            self._cloud.operations.fails(made)
            return self._deployment_body(workspace, found, made)

        made.operation = found.operation = self._cloud.operations.begin(finish)
        headers = self._cloud.operations.headers(made.operation, call, workspace.location)
        return Reply(200 if known else 201, self._deployment_body(workspace, found, made), headers)

    def _undeploy(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._free(found)
        one = self._child(call, found)
        if (found.properties.get("traffic") or {}).get(one.name):
            message = (
                f"Deployment '{one.name}' has traffic on endpoint '{found.name}'; set it to 0 before it is deleted."
            )
            raise UserError(400, message, code="ValidationError")
        self._cloud.write_down(call, "delete", call.request.path, one.name, one.tags)
        one.state = "Deleting"

        def finish() -> None:
            found.children.pop(one.name, None)
            self._use(workspace, one, -1)

        found.operation = self._cloud.operations.begin(finish)
        return Reply(202, None, self._cloud.operations.headers(found.operation, call, workspace.location))

    def _logs(self, call: Call) -> Reply:
        _, found = self._find(call)
        one = self._child(call, found)
        return Reply(200, {"content": f"Instance status:\nSystemSetup: Succeeded\nUserContainer: {one.state}\n"})

    def _model(self, workspace: Workspace, named: str) -> None:
        """A registered model of the workspace by its ARM id, or a registry's."""
        if named.startswith("azureml://registries/"):
            model, version = self._cloud.catalog.by_uri(named)
            if model is None or version not in model.versions:
                raise UserError(404, f"The model '{named}' was not found.", code="NotFound")
            return
        parts = named.split("/")
        asset = (
            workspace.models.get(parts[-3], {}).get(parts[-1])
            if len(parts) > 3 and named.lower().startswith(workspace.id.lower())
            else None
        )
        if asset is None:
            raise UserError(404, f"The model '{named}' was not found.", code="NotFound")
        if asset.properties.get("isArchived"):
            raise UserError(400, f"The model '{asset.name}:{asset.version}' is archived.", code="ValidationError")

    def _use(self, workspace: Workspace, deployment: Resource, sign: int) -> None:
        """Take from the region's quota, or give back; raises UserError where it is used up."""
        family, cores, *_ = VM_SIZES[deployment.properties["instanceType"]]
        needed = cores * int((deployment.body.get("sku") or {}).get("capacity") or 1) * sign
        usages = self._cloud.state.subscriptions[workspace.subscription].usages
        used, limit = usages.get((workspace.location, family), (0, 0))
        if used + needed > limit:
            message = f"Not enough quota available for {deployment.properties['instanceType']}."
            message = f"{message} Current usage/limit: {used}/{limit}. Additional needed: {needed}."
            raise UserError(400, message, code="OutOfQuota")
        usages[workspace.location, family] = (used + needed, limit)

    def _find(self, call: Call) -> tuple[Workspace, Resource]:
        workspace = workspace_of(call)
        found = workspace.online.get(call.args["name"])
        if found is None:
            raise UserError(404, f"Online endpoint '{call.args['name']}' was not found.", code="ResourceNotFound")
        return workspace, found

    def _child(self, call: Call, found: Resource) -> Resource:
        one = found.children.get(call.args["deployment"])
        if one is None:
            raise UserError(404, f"Deployment '{call.args['deployment']}' was not found.", code="ResourceNotFound")
        return one

    def _free(self, found: Resource) -> None:
        if self._cloud.operations.running(found.operation):
            raise UserError(
                409,
                f"Another operation is in progress on endpoint '{found.name}'. Please retry later.",
                code="Conflict",
            )

    def _deployment_body(self, workspace: Workspace, endpoint: Resource, one: Resource) -> Json:
        properties = {**one.properties, "provisioningState": one.state}
        return resource_body(workspace, one, properties, f"onlineEndpoints/{endpoint.name}/")


def endpoint_body(workspace: Workspace, one: Resource) -> Json:
    """Return an online endpoint as the service writes it."""
    host = f"https://{one.name.lower()}.{workspace.location}.inference.ml.azure.com"
    properties = {key: value for key, value in one.properties.items() if key != "keys"}
    properties |= {"provisioningState": one.state, "scoringUri": f"{host}/score", "swaggerUri": f"{host}/swagger.json"}
    body = resource_body(workspace, one, properties)
    identity = body.get("identity")
    if identity and identity.get("type") == "SystemAssigned":
        body["identity"] = {
            **identity,
            "principalId": workspace.guid,
            "tenantId": "11111111-2222-3333-4444-555555555555",
        }
    return body
