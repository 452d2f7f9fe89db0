"""Template deployments: parameters are checked as Resource Manager checks them before anything is made."""

import re
from typing import TYPE_CHECKING

from tests.support.azure.routes import Call, Route, route
from tests.support.azure.state import ML
from tests.support.azure.versions import known
from tests.support.azure.wire import AnyJson, AzureError, Json, Reply
from tests.support.azure.workspaces import make_workspace

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_GROUP = "/subscriptions/{sub}/resourceGroups/{rg}"
_ONE = _GROUP + "/providers/Microsoft.Resources/deployments/{name}"
_KIND = "Microsoft.Resources/deployments"
_TYPES = {
    "string": str,
    "securestring": str,
    "int": int,
    "bool": bool,
    "object": dict,
    "secureobject": dict,
    "array": list,
}
_PARAMETER = re.compile(r"\[parameters\('([^']+)'\)\]")
# What a hub's template brings besides the hub.
RESOURCE_TYPES = {
    "microsoft.storage/storageaccounts",
    "microsoft.storage/storageaccounts/blobservices/containers",
    "microsoft.keyvault/vaults",
    "microsoft.operationalinsights/workspaces",
    "microsoft.insights/components",
    "microsoft.containerregistry/registries",
    "microsoft.network/virtualnetworks",
    "microsoft.network/virtualnetworks/subnets",
    "microsoft.managedidentity/userassignedidentities",
    "microsoft.machinelearningservices/workspaces",
    "microsoft.machinelearningservices/workspaces/connections",
    "microsoft.cognitiveservices/accounts",
    "microsoft.authorization/roleassignments",
    "microsoft.resources/deployments",
}


class Templates:
    """Answers for template deployments."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        read, write = f"{_KIND}/read", f"{_KIND}/write"
        operations = (_ONE + "/operations", _GROUP + "/deployments/{name}/operations")
        return [
            route("PUT", _ONE, self._put, action=write, kind=_KIND),
            route("GET", _ONE, self._get, action=read, kind=_KIND),
            *(
                route("GET", path, self._operations, action=f"{_KIND}/operations/read", kind=_KIND)
                for path in operations
            ),
            route("POST", _ONE + "/validate", self._validate, action=f"{_KIND}/validate/action", kind=_KIND),
        ]

    def _put(self, call: Call) -> Reply:
        values, template = self._checked(call)
        wanted = [one for one in template["resources"] if one["type"].lower() == f"{ML}/workspaces".lower()]
        made = [self._workspace(call, one, values) for one in wanted]
        name = call.args["name"]
        operation = self._cloud.operations.begin(lambda: self._ended(name))
        parameters = {
            key: {"type": template["parameters"][key]["type"], "value": value} for key, value in values.items()
        }
        properties: Json = {"provisioningState": "Accepted", "mode": "Incremental", "parameters": parameters}
        properties |= {"outputs": {}, "timestamp": f"{call.now:%Y-%m-%dT%H:%M:%SZ}", "correlationId": operation}
        properties["outputResources"] = [{"id": one} for one in made]
        body = {"id": call.request.path, "name": name, "type": _KIND, "properties": properties}
        self._cloud.state.deployments[name] = {"body": body, "operation": operation}
        return Reply(201, body, self._cloud.operations.patience())

    def _ended(self, name: str) -> None:
        self._cloud.state.deployments[name]["body"]["properties"]["provisioningState"] = "Succeeded"

    def _get(self, call: Call) -> Reply:
        found = self._find(call)
        if self._cloud.operations.busy(found["operation"]):
            found["body"]["properties"]["provisioningState"] = "Running"
        return Reply(200, found["body"])

    def _operations(self, call: Call) -> Reply:
        body = self._find(call)["body"]
        state = body["properties"]["provisioningState"]
        operations = [
            {"id": f"{body['id']}/operations/{number}", "operationId": str(number),
             "properties": {"provisioningState": state, "statusCode": "OK", "targetResource": {
                 "id": one["id"], "resourceType": f"{ML}/workspaces", "resourceName": one["id"].rsplit("/", 1)[-1]}}}
            for number, one in enumerate(body["properties"]["outputResources"])
        ]  # fmt: skip
        return Reply(200, {"value": operations})

    def _find(self, call: Call) -> Json:
        found: Json | None = self._cloud.state.deployments.get(call.args["name"])
        if found is None:
            raise AzureError(404, "DeploymentNotFound", f"Deployment '{call.args['name']}' could not be found.")
        return found

    def _validate(self, call: Call) -> Reply:
        self._checked(call)
        return Reply(200, {"properties": {"provisioningState": "Succeeded"}})

    def _checked(self, call: Call) -> tuple[Json, Json]:
        """Return the parameters' values, defaults included, and the template; raises AzureError 400."""
        given = call.body().get("properties") or {}
        template = given.get("template")
        if not isinstance(template, dict) or not template.get("resources"):
            raise AzureError(
                400, "InvalidTemplate", "Deployment template validation failed: the template has no resources."
            )
        if str(given.get("mode")).lower() not in {"incremental", "complete"}:
            raise AzureError(
                400, "InvalidDeployment", "The 'mode' of the deployment must be 'Incremental' or 'Complete'."
            )
        values = _values(template.get("parameters") or {}, given.get("parameters") or {})
        for resource in template["resources"]:
            _known_type(resource)
        return values, template

    def _workspace(self, call: Call, resource: Json, values: Json) -> str:
        def filled(value: AnyJson) -> AnyJson:
            if isinstance(value, dict):
                return {key: filled(item) for key, item in value.items()}
            whole = _PARAMETER.fullmatch(value) if isinstance(value, str) else None
            return values.get(whole[1]) if whole else value

        body = {key: filled(resource.get(key)) for key in ("kind", "location", "tags", "properties")}
        name = str(filled(resource["name"]))
        self._cloud.authorize(
            call.caller,
            f"{ML}/workspaces/write",
            f"{call.scope.split('/providers/')[0]}/providers/{ML}/workspaces/{name}",
        )
        body["properties"] = {
            key: value for key, value in body["properties"].items() if value and not str(value).startswith("[")
        }
        made = make_workspace(self._cloud, call, name, body)
        self._cloud.write_down(call, "create", made.id, name, made.tags, kind=f"{ML}/workspaces")
        return made.id


def _values(declared: Json, given: Json) -> Json:
    for name in given:
        if name not in declared:
            message = "The following parameters were supplied, but do not correspond to any parameters defined"
            raise _invalid(f"{message} in the template: '{name}'.")
    values: Json = {}
    for name, about in declared.items():
        value = (given.get(name) or {}).get("value", about.get("defaultValue"))
        # A null counts as not given.
        value = about.get("defaultValue") if value is None else value
        if value is None:
            raise _invalid(f"The value for the template parameter '{name}' is not provided.")
        wanted = _TYPES[about["type"].lower()]
        computed = isinstance(value, str) and value.startswith("[")
        if not computed and not isinstance(value, wanted):
            raise _invalid(
                f"The provided value for the template parameter '{name}' is not valid: expected type '{about['type']}'."
            )
        allowed = about.get("allowedValues")
        if allowed and not computed and value not in allowed:
            names = ",".join(str(one) for one in allowed)
            message = f"The provided value '{value}' for the template parameter '{name}' is not valid."
            raise _invalid(f"{message} The value '{value}' is not part of the allowed value(s): '{names}'.")
        values[name] = value
    return values


def _known_type(resource: Json) -> None:
    kind = str(resource.get("type", ""))
    if kind.lower() not in RESOURCE_TYPES:
        raise AzureError(400, "InvalidResourceType", f"The resource type '{kind}' could not be found.")
    version = resource.get("apiVersion")
    if not version:
        raise _invalid(f"The template resource '{resource.get('name')}' of type '{kind}' has no 'apiVersion'.")
    if kind.lower().startswith(f"{ML}/workspaces".lower()) and version not in known(f"{ML}/workspaces"):
        message = f"No registered resource provider found for API version '{version}' for type 'workspaces'."
        raise AzureError(400, "NoRegisteredProviderFound", message)


def _invalid(message: str) -> AzureError:
    return AzureError(400, "InvalidTemplate", f"Deployment template validation failed: '{message}'")
