"""Compute clusters."""

import re
from typing import TYPE_CHECKING

from tests.support.azure.routes import Call, Route, route
from tests.support.azure.shapes import page, required, resource_body, workspace_of
from tests.support.azure.state import Resource, Workspace
from tests.support.azure.wire import Json, Reply, UserError
from tests.support.azure.workspaces import ONE, VM_SIZES

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_ALL = ONE + "/computes"
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")


class Computes:
    """Answers for compute clusters."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        return [
            route("GET", _ALL, self._list),
            route("GET", _ALL + "/{name}", self._get),
            route("PUT", _ALL + "/{name}", self._put),
            route("DELETE", _ALL + "/{name}", self._delete),
        ]

    def _list(self, call: Call) -> Reply:
        workspace = workspace_of(call)
        return page(call, [self._body(workspace, one) for one in workspace.computes.values()])

    def _get(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._cloud.operations.busy(found.operation)
        workspace, found = self._find(call)
        return Reply(200, self._body(workspace, found))

    def _put(self, call: Call) -> Reply:
        workspace, name, body = workspace_of(call), call.args["name"], call.body()
        given: Json = body.get("properties") or {}
        inner: Json = given.get("properties") or {}
        if not _NAME.fullmatch(name):
            raise UserError(
                400, f"Compute name '{name}' is invalid: 3 to 32 letters, digits and '-'.", code="ValidationError"
            )
        required(given, ("computeType",), "properties.")
        if given["computeType"] != "AmlCompute":
            raise UserError(
                400, f"Compute type '{given['computeType']}' is not supported here.", code="ValidationError"
            )
        required(inner, ("vmSize",), "properties.properties.")
        size = next((one for one in VM_SIZES if one.lower() == str(inner["vmSize"]).lower()), None)
        if size is None:
            raise UserError(
                400,
                f"STANDARD VM size {inner['vmSize']} is not supported in {workspace.location}.",
                code="ValidationError",
            )
        most = int((inner.get("scaleSettings") or {}).get("maxNodeCount") or 1)
        family, cores, *_ = VM_SIZES[size]
        used, limit = self._cloud.state.subscriptions[workspace.subscription].usages.get(
            (workspace.location, family), (0, 0)
        )
        if used + cores * most > limit:
            message = (
                f"The specified subscription has a {family} vCPU quota of {limit} and cannot accommodate {most} nodes"
            )
            raise UserError(
                400, f"{message} of size {size} ({cores} vCPUs each; {used} in use).", code="ClusterCoreQuotaReached"
            )
        known = workspace.computes.get(name)
        made = known or Resource("computes", name, body, call.now)
        made.body = body
        workspace.computes[name] = made
        self._cloud.write_down(call, "update" if known else "create", call.request.path, name, made.tags)

        def finish() -> Json:
            made.state = "Succeeded"
            return self._body(workspace, made)

        made.operation = self._cloud.operations.begin(finish)
        headers = self._cloud.operations.headers(made.operation, call, workspace.location)
        return Reply(200 if known else 201, self._body(workspace, made), headers)

    def _delete(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._cloud.write_down(call, "delete", call.request.path, found.name, found.tags)

        def finish() -> None:
            workspace.computes.pop(found.name, None)

        found.operation = self._cloud.operations.begin(finish)
        return Reply(202, None, self._cloud.operations.headers(found.operation, call, workspace.location))

    def _find(self, call: Call) -> tuple[Workspace, Resource]:
        workspace = workspace_of(call)
        found = workspace.computes.get(call.args["name"])
        if found is None:
            message = f"Compute with name {call.args['name']} was not found in workspace {workspace.name}."
            raise UserError(404, message, code="ComputeNotFound")
        return workspace, found

    def _body(self, workspace: Workspace, one: Resource) -> Json:
        given = dict(one.properties)
        scale = dict((given.get("properties") or {}).get("scaleSettings") or {"maxNodeCount": 1, "minNodeCount": 0})
        inner = {
            **(given.get("properties") or {}),
            "scaleSettings": scale,
            "allocationState": "Steady",
            "currentNodeCount": 0,
            "targetNodeCount": 0,
        }
        given |= {"properties": inner, "provisioningState": one.state, "computeLocation": workspace.location}
        given |= {"createdOn": f"{one.created:%Y-%m-%dT%H:%M:%SZ}", "isAttachedCompute": False}
        return resource_body(workspace, one, given)
