"""Workspaces, hubs and projects, their datastores, and what a region has left of its quota."""

import re
import uuid
from typing import TYPE_CHECKING

from tests.support.azure.routes import Call, Route, route
from tests.support.azure.shapes import envelope, page, system_data, workspace_of
from tests.support.azure.state import ML, Storage, Workspace
from tests.support.azure.wire import AzureError, Json, Reply, UserError

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_SUB = "/subscriptions/{sub}"
_BELOW = "/providers/Microsoft.MachineLearningServices/workspaces"
_ALL = _SUB + "/resourceGroups/{rg}" + _BELOW
ONE = _ALL + "/{ws}"
_LOCATION = _SUB + "/providers/Microsoft.MachineLearningServices/locations/{location}"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}")
_ACCESS = {"Enabled", "Disabled"}
_KINDS = {"default": "Default", "hub": "Hub", "project": "Project", "featurestore": "FeatureStore"}
_DATASTORE = "workspaceblobstore"


class Workspaces:
    """Answers for workspaces."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        return [
            route("GET", _SUB + _BELOW, self._list, action="-"),
            route("GET", _ALL, self._list, action="-"),
            route("GET", ONE, self._get),
            route("PUT", ONE, self._put),
            route("DELETE", ONE, self._delete),
            route("GET", ONE + "/datastores", self._datastores),
            route("GET", ONE + "/datastores/{name}", self._datastore),
            route("POST", ONE + "/datastores/{name}/listSecrets", self._secrets),
            route("GET", _LOCATION + "/usages", self._usages),
            route("GET", _LOCATION + "/quotas", self._usages),
            route("GET", _LOCATION + "/vmSizes", self._sizes),
        ]

    def _list(self, call: Call) -> Reply:
        """Those that the caller may read: a list is trimmed, not refused."""
        mine = [one for one in self._cloud.state.workspaces if one.subscription == call.args["sub"]]
        group = call.args.get("rg", "").lower()
        found = [one for one in mine if not group or one.group.lower() == group]
        seen = [one for one in found if self._cloud.may(call.caller, f"{ML}/workspaces/read", one.id)]
        kind = (call.query.get("kind") or "").lower()
        return page(call, [body_of(one, call.version) for one in seen if not kind or one.kind.lower() in kind])

    def _get(self, call: Call) -> Reply:
        found = workspace_of(call)
        self._cloud.operations.busy(found.operation)
        return Reply(200, body_of(found, call.version))

    def _put(self, call: Call) -> Reply:
        """Make a workspace directly: a project names its hub and takes its storage from it."""
        body = call.body()
        name = call.args["ws"]
        if self._cloud.state.workspace(name, call.args["rg"]) is not None:
            return Reply(200, body_of(workspace_of(call), call.version))
        made = make_workspace(self._cloud, call, name, body)
        self._cloud.write_down(call, "create", made.id, name, made.tags)
        made.state = "Creating"

        def finish() -> Json:
            made.state = "Succeeded"
            return body_of(made, call.version)

        made.operation = self._cloud.operations.begin(finish)
        headers = self._cloud.operations.headers(made.operation, call, made.location)
        return Reply(202, body_of(made, call.version), headers)

    def _delete(self, call: Call) -> Reply:
        found = workspace_of(call)
        projects = [one.name for one in self._cloud.state.workspaces if (one.hub or "").lower() == found.id.lower()]
        if projects:
            message = f"Cannot delete hub '{found.name}' because it has associated projects: {', '.join(projects)}."
            raise UserError(409, message, code="Conflict")
        self._cloud.write_down(call, "delete", found.id, found.name, found.tags)

        def finish() -> None:
            self._cloud.state.workspaces.remove(found)

        found.state = "Deleting"
        found.operation = self._cloud.operations.begin(finish)
        return Reply(202, None, self._cloud.operations.headers(found.operation, call, found.location))

    def _datastores(self, call: Call) -> Reply:
        return page(call, [_datastore(workspace_of(call))])

    def _datastore(self, call: Call) -> Reply:
        workspace = workspace_of(call)
        if call.args["name"] != _DATASTORE:
            raise UserError(404, f"Could not find datastore with name: {call.args['name']}.", code="NotFound")
        return Reply(200, _datastore(workspace))

    def _secrets(self, call: Call) -> Reply:
        """A shared access signature where an expiring secret is asked for (and it `signs`), else the account's key."""
        workspace = workspace_of(call)
        if call.args["name"] != _DATASTORE:
            raise UserError(404, f"Could not find datastore with name: {call.args['name']}.", code="NotFound")
        storage = workspace.storage
        if not storage.allow_keys:
            return Reply(200, {"secretsType": "None"})
        asked = call.request.json() if call.request.body else {}
        self._cloud.write_down(call, "read-keys", call.scope, call.args["name"], {})
        if asked.get("expirableSecret") and storage.signs:
            hours = int(asked.get("expireAfterHours", 1))
            return Reply(200, {"secretsType": "Sas", "sasToken": self._cloud.blobs.container_sas(storage, hours)})
        return Reply(200, {"secretsType": "AccountKey", "key": storage.key})

    def _usages(self, call: Call) -> Reply:
        location = call.args["location"].lower()
        word = call.request.path.rsplit("/", 1)[-1]
        items = []
        for (position, family), (used, limit) in self._cloud.state.subscriptions[call.args["sub"]].usages.items():
            if position != location:
                continue
            name = {"value": family, "localizedValue": family}
            one: Json = {
                "id": f"{call.request.path}/{family}",
                "type": f"{ML}/vmFamily/{word}",
                "unit": "Count",
                "limit": limit,
                "name": name,
            }
            items.append({**one, "currentValue": used} if word == "usages" else one)
        return page(call, items + (self._cloud.state.usage_rows if word == "usages" else []))

    def _sizes(self, call: Call) -> Reply:
        del call
        same: Json = {"osVhdSizeMB": 1_047_552, "maxResourceVolumeMB": 1_000_000, "lowPriorityCapable": True}
        same |= {"premiumIO": True, "supportedComputeTypes": ["AmlCompute"]}
        sizes = [
            {**same, "name": name, "family": family, "vCPUs": cpus, "gpus": gpus, "memoryGB": memory}
            for name, (family, cpus, gpus, memory) in VM_SIZES.items()
        ]
        return Reply(200, {"value": sizes})


# Name: family, cores, GPUs, memory in GiB; from the size names themselves.
VM_SIZES = {
    "Standard_NC24ads_A100_v4": ("standardNCADSA100v4Family", 24, 1, 220.0),
    "Standard_NC48ads_A100_v4": ("standardNCADSA100v4Family", 48, 2, 440.0),
    "Standard_NC96ads_A100_v4": ("standardNCADSA100v4Family", 96, 4, 880.0),
    "Standard_NC6s_v3": ("standardNCSv3Family", 6, 1, 112.0),
    "Standard_NC24s_v3": ("standardNCSv3Family", 24, 4, 448.0),
    "Standard_ND40rs_v2": ("standardNDSv2Family", 40, 8, 672.0),
    "Standard_DS3_v2": ("standardDSv2Family", 4, 0, 14.0),
}


def make_workspace(cloud: "AzureCloud", call: Call, name: str, body: Json) -> Workspace:
    """Check the body of a workspace and add it; raises AzureError."""
    given: Json = body.get("properties") or {}
    kind = _KINDS.get(str(body.get("kind") or "Default").lower())
    if not _NAME.fullmatch(name):
        raise AzureError(
            400, "ValidationError", f"The workspace name '{name}' is invalid: 3 to 33 letters, digits, '-' and '_'."
        )
    if kind is None:
        raise AzureError(400, "ValidationError", f"Workspace kind '{body.get('kind')}' is not supported.")
    location = re.sub(r"\s", "", str(body.get("location") or "")).lower()
    if not location:
        raise AzureError(400, "LocationRequired", "The location property is required for this definition.")
    access = given.get("publicNetworkAccess")
    if access is not None and access not in _ACCESS:
        message = f"Error converting value '{access}' to type 'PublicNetworkAccessType'."
        message = f"{message} Path 'properties.publicNetworkAccess'."
        raise AzureError(400, "BadRequest", message, target="properties.publicNetworkAccess")
    hub = _hub(cloud, call.caller, given, kind, location)
    storage = hub.storage if hub else _storage(cloud, given)
    made = Workspace(call.args["sub"], call.args["rg"], name, kind, location, storage, call.now)
    made.hub, made.tags = hub.id if hub else None, dict(body.get("tags") or {})
    made.properties = {"friendlyName": given.get("friendlyName"), "description": given.get("description")}
    cloud.state.workspaces.append(made)
    return made


def _hub(cloud: "AzureCloud", caller: str, given: Json, kind: str, location: str) -> Workspace | None:
    if kind != "Project":
        return None
    named = str(given.get("hubResourceId") or "")
    hub = next((one for one in cloud.state.workspaces if one.id.lower() == named.lower() and one.kind == "Hub"), None)
    if hub is None:
        raise AzureError(
            400,
            "ValidationError",
            f"The hub '{named or '(none)'}' of the project does not exist.",
            target="hubResourceId",
        )
    if hub.location != location:
        message = f"The project's location '{location}' must match the location '{hub.location}' of its hub."
        raise AzureError(400, "ValidationError", message, target="location")
    cloud.authorize(caller, f"{ML}/workspaces/hubs/join/action", hub.id)
    return hub


def _storage(cloud: "AzureCloud", given: Json) -> Storage:
    """The account that the body names, if it is known, else a new one."""
    named = str(given.get("storageAccount") or "").rsplit("/", 1)[-1]
    known = {one.storage.account: one.storage for one in cloud.state.workspaces}
    return known.get(named) or cloud.blobs.new_storage()


def body_of(one: Workspace, version: str) -> Json:
    """Return a workspace as the service writes it."""
    group = f"/subscriptions/{one.subscription}/resourceGroups/{one.group}/providers"
    tracking = f"azureml://{one.location}.api.azureml.ms/mlflow/v1.0{one.id}"
    properties: Json = {
        "friendlyName": one.properties.get("friendlyName") or one.name,
        "description": one.properties.get("description") or "",
        "workspaceId": one.guid,
        "provisioningState": one.state,
        "discoveryUrl": f"https://{one.location}.api.azureml.ms/discovery",
        "mlFlowTrackingUri": tracking,
        "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{one.storage.account}",
        "keyVault": f"{group}/Microsoft.KeyVault/vaults/kv{one.guid[:8]}",
        "applicationInsights": f"{group}/Microsoft.Insights/components/ai{one.guid[:8]}",
        "publicNetworkAccess": "Enabled",
        "tenantId": "11111111-2222-3333-4444-555555555555",
    }
    if one.hub and version >= "2023-08-01-preview":
        properties["hubResourceId"] = one.hub
    kind = {"kind": one.kind} if version >= "2023-04-01-preview" else {}
    return {
        **kind,
        "id": one.id,
        "name": one.name,
        "type": f"{ML}/workspaces",
        "location": one.location,
        "tags": one.tags,
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {
            "type": "SystemAssigned",
            "principalId": str(uuid.uuid5(uuid.NAMESPACE_URL, one.id)),
            "tenantId": properties["tenantId"],
        },
        "systemData": system_data(one.created),
        "properties": properties,
    }


def _datastore(workspace: Workspace) -> Json:
    storage = workspace.storage
    properties = {
        "datastoreType": "AzureBlob",
        "accountName": storage.account,
        "containerName": storage.container,
        "endpoint": "core.windows.net",
        "protocol": "https",
        "isDefault": True,
        "credentials": {"credentialsType": "AccountKey" if storage.allow_keys else "None"},
        "serviceDataAccessAuthIdentity": "None",
        **dict.fromkeys(("description", "tags", "properties")),  # as recorded: official/datastore.json
    }
    return envelope(workspace, "datastores", _DATASTORE, workspace.created, properties)
