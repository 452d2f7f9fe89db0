"""Subscriptions, resource groups, resource providers, role assignments and what a caller may do."""

import uuid
from typing import TYPE_CHECKING

from tests.support.azure.roles import BUILT_IN, Role
from tests.support.azure.routes import Call, Route, route
from tests.support.azure.state import ML, Assignment, ResourceGroup, Subscription
from tests.support.azure.wire import AzureError, Json, Reply

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_SUB = "/subscriptions/{sub}"
_GROUP = _SUB + "/resourceGroups/{rg}"
_AUTH = "/providers/Microsoft.Authorization"
_WORKSPACE = _GROUP + "/providers/Microsoft.MachineLearningServices/workspaces/{ws}"
_STORAGE = _GROUP + "/providers/Microsoft.Storage/storageAccounts/{account}"
_SCOPES = (_SUB, _GROUP, _WORKSPACE, _STORAGE)


class Subscriptions:
    """Answers what lies around a workspace."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        subs, groups, providers = (
            f"Microsoft.Resources/{word}" for word in ("subscriptions", "subscriptions/resourceGroups", "providers")
        )
        made = [
            route("GET", "/subscriptions", self._list, action="-", kind=subs),
            route("GET", _SUB, self._get, action="Microsoft.Resources/subscriptions/read", kind=subs),
            route("GET", _SUB + "/resourceGroups", self._groups, action="-", kind=groups),
            route("GET", _GROUP, self._group, action=f"{groups}/read", kind=groups),
            route("PUT", _GROUP, self._put_group, action=f"{groups}/write", kind=groups),
            route("GET", _SUB + "/providers/{namespace}", self._provider, action="-", kind=providers),
            route("POST", _SUB + "/providers/{namespace}/register", self._register, action="-", kind=providers),
            route("GET", _STORAGE, self._storage),
        ]
        for scope in _SCOPES:
            made.append(route("GET", f"{scope}{_AUTH}/roleAssignments", self._assignments))
            made.append(route("PUT", f"{scope}{_AUTH}/roleAssignments/{{name}}", self._assign))
            made.append(route("GET", f"{scope}{_AUTH}/roleDefinitions", self._definitions))
            made.append(route("GET", f"{scope}{_AUTH}/roleDefinitions/{{name}}", self._definition))
            made.append(route("GET", f"{scope}{_AUTH}/permissions", self._permissions, action="-"))
        return made

    def _list(self, call: Call) -> Reply:
        seen = [one.scope.lower() for one in self._cloud.state.assignments if one.principal == call.caller]
        subs = self._cloud.state.subscriptions.values()
        return Reply(
            200,
            {
                "value": [
                    _subscription(sub) for sub in subs if any(f"/subscriptions/{sub.id}" in scope for scope in seen)
                ]
            },
        )

    def _get(self, call: Call) -> Reply:
        return Reply(200, _subscription(self._cloud.state.subscriptions[call.args["sub"]]))

    def _groups(self, call: Call) -> Reply:
        """Only the groups that the caller may read, as the portal shows them."""
        groups = [one for one in self._cloud.state.groups if one.subscription == call.args["sub"]]
        action = "Microsoft.Resources/subscriptions/resourceGroups/read"
        return Reply(
            200, {"value": [_group(one) for one in groups if self._cloud.may(call.caller, action, _group(one)["id"])]}
        )

    def _group(self, call: Call) -> Reply:
        found = self._cloud.state.group(call.args["sub"], call.args["rg"])
        if found is None:
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{call.args['rg']}' could not be found.")
        return Reply(200, _group(found))

    def _put_group(self, call: Call) -> Reply:
        body = call.body()
        if not body.get("location"):
            raise AzureError(400, "LocationRequired", "The location property is required for this definition.")
        found = self._cloud.state.group(call.args["sub"], call.args["rg"])
        if found is None:
            found = ResourceGroup(call.args["sub"], call.args["rg"], body["location"], body.get("tags") or {})
            self._cloud.state.groups.append(found)
            self._cloud.write_down(call, "create", call.request.path, found.name, found.tags)
            return Reply(201, _group(found))
        return Reply(200, _group(found))

    def _provider(self, call: Call) -> Reply:
        state = self._cloud.state.subscriptions[call.args["sub"]].providers
        namespace = next((name for name in state if name.lower() == call.args["namespace"].lower()), None)
        if namespace is None:
            raise AzureError(
                404, "InvalidResourceNamespace", f"The resource namespace '{call.args['namespace']}' is invalid."
            )
        return Reply(200, _provider(call.args["sub"], namespace, state[namespace]))

    def _register(self, call: Call) -> Reply:
        namespace = call.args["namespace"]
        self._cloud.authorize(call.caller, f"{namespace}/register/action", f"/subscriptions/{call.args['sub']}")
        state = self._cloud.state.subscriptions[call.args["sub"]].providers
        state[namespace] = "Registered"
        return Reply(200, _provider(call.args["sub"], namespace, "Registering"))

    def _storage(self, call: Call) -> Reply:
        for workspace in self._cloud.state.workspaces:
            if workspace.storage.account == call.args["account"]:
                properties = {"allowSharedKeyAccess": workspace.storage.allow_keys, "provisioningState": "Succeeded"}
                body: Json = {
                    "id": call.request.path,
                    "name": call.args["account"],
                    "type": "Microsoft.Storage/storageAccounts",
                }
                return Reply(
                    200, {**body, "location": workspace.location, "kind": "StorageV2", "properties": properties}
                )
        raise AzureError(404, "ResourceNotFound", f"The Resource '{call.request.path}' was not found.")

    def _assignments(self, call: Call) -> Reply:
        """Role assignments at the scope, above it and, as Azure does, below it; `assignedTo('oid')` filters."""
        wanted = call.query.get("$filter", "")
        found = []
        for one in self._cloud.state.assignments:
            near = one.covers(call.scope) or one.scope.lower().startswith(call.scope.lower())
            if "atScope()" in wanted and not one.covers(call.scope):
                continue
            if ("assignedTo(" in wanted or "principalId eq" in wanted) and one.principal not in wanted:
                continue
            if near:
                found.append(_assignment(call.args["sub"], one, self._cloud.state.principals[one.principal].kind))
        return Reply(200, {"value": found})

    def _assign(self, call: Call) -> Reply:
        given = call.body().get("properties") or {}
        role = self._role(str(given.get("roleDefinitionId", "")).rsplit("/", 1)[-1])
        if role is None:
            raise AzureError(400, "InvalidRoleDefinitionId", "The role definition ID is not valid.")
        made = Assignment(given["principalId"], role, call.scope.split(_AUTH)[0], call.args["name"])
        self._cloud.state.assignments.append(made)
        return Reply(201, _assignment(call.args["sub"], made, "ServicePrincipal"))

    def _role(self, guid: str) -> Role | None:
        return next((role for role in self._roles() if role.id == guid), None)

    def _roles(self) -> list[Role]:
        return [*BUILT_IN.values(), *self._cloud.state.roles.values()]

    def _definitions(self, call: Call) -> Reply:
        return Reply(200, {"value": [_definition(call.args["sub"], role) for role in self._roles()]})

    def _definition(self, call: Call) -> Reply:
        role = self._role(call.args["name"])
        if role is None:
            raise AzureError(
                404,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{call.args['name']}' does not exist.",
            )
        return Reply(200, _definition(call.args["sub"], role))

    def _permissions(self, call: Call) -> Reply:
        held = [
            one.role for one in self._cloud.state.assignments if one.principal == call.caller and one.covers(call.scope)
        ]
        return Reply(200, {"value": [_rights(role) for role in held]})


def _subscription(sub: Subscription) -> Json:
    policies = {"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"}
    body: Json = {
        "id": f"/subscriptions/{sub.id}",
        "subscriptionId": sub.id,
        "displayName": sub.name,
        "tenantId": sub.tenant,
    }
    return {**body, "state": sub.state, "authorizationSource": "RoleBased", "subscriptionPolicies": policies}


def _group(one: ResourceGroup) -> Json:
    position = f"/subscriptions/{one.subscription}/resourceGroups/{one.name}"
    body: Json = {
        "id": position,
        "name": one.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": one.location,
    }
    return {**body, "tags": one.tags, "properties": {"provisioningState": "Succeeded"}}


def _provider(sub: str, namespace: str, state: str) -> Json:
    types = (
        [{"resourceType": "workspaces", "locations": ["East US 2"], "apiVersions": ["2024-10-01"]}]
        if namespace == ML
        else []
    )
    body: Json = {
        "id": f"/subscriptions/{sub}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": state,
    }
    return {**body, "registrationPolicy": "RegistrationRequired", "resourceTypes": types}


def _assignment(sub: str, one: Assignment, kind: str) -> Json:
    role = f"/subscriptions/{sub}{_AUTH}/roleDefinitions/{one.role.id}"
    properties = {"roleDefinitionId": role, "principalId": one.principal, "principalType": kind, "scope": one.scope}
    position = f"{one.scope}{_AUTH}/roleAssignments/{one.name}"
    return {
        "id": position,
        "name": one.name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": properties,
    }


def _rights(role: Role) -> Json:
    return {
        "actions": list(role.actions),
        "notActions": list(role.not_actions),
        "dataActions": list(role.data_actions),
        "notDataActions": [],
    }


def _definition(sub: str, role: Role) -> Json:
    properties: Json = {
        "roleName": role.name,
        "type": role.kind,
        "assignableScopes": ["/"],
        "permissions": [_rights(role)],
    }
    position = f"/subscriptions/{sub}{_AUTH}/roleDefinitions/{role.id}"
    return {
        "id": position,
        "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": properties,
    }


def new_guid() -> str:
    """Return a new GUID as text."""
    return str(uuid.uuid4())
