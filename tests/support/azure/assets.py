"""Data assets, models, code and environments: containers and their versions."""

import re
from typing import TYPE_CHECKING

from tests.support.azure.routes import Call, Route, route
from tests.support.azure.shapes import asset_body, data_uri, envelope, page, required, strings, workspace_of
from tests.support.azure.state import Asset, Workspace
from tests.support.azure.wire import AzureError, Json, Reply, UserError
from tests.support.azure.workspaces import ONE

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

KINDS = ("data", "models", "codes", "environments")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}")
_FIXED = {
    "data": ("dataUri", "dataType"),
    "models": ("modelUri", "modelType"),
    "codes": ("codeUri",),
    "environments": ("image",),
}
_DATA_TYPES = {"uri_file", "uri_folder", "mltable"}


class Assets:
    """Answers for everything that has versions."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        made = []
        for kind in KINDS:
            base = f"{ONE}/{kind}"
            made += [
                route("GET", base, self._list),
                route("GET", base + "/{name}", self._container),
                route("PUT", base + "/{name}", self._put_container),
                route("DELETE", base + "/{name}", self._delete_container),
                route("GET", base + "/{name}/versions", self._versions),
                route("GET", base + "/{name}/versions/{version}", self._version),
                route("PUT", base + "/{name}/versions/{version}", self._put),
                route("DELETE", base + "/{name}/versions/{version}", self._delete),
                route("POST", base + "/{name}/versions/{version}/startPendingUpload", self._upload),
            ]
        return made

    def _list(self, call: Call) -> Reply:
        workspace, kind = workspace_of(call), _kind(call)
        view = call.query.get("listViewType", "ActiveOnly")
        bodies = [_container(workspace, kind, name, versions) for name, versions in workspace.assets(kind).items()]
        return page(call, [body for body in bodies if _visible(view, archived=body["properties"]["isArchived"])])

    def _container(self, call: Call) -> Reply:
        workspace, kind, versions = self._find(call)
        return Reply(200, _container(workspace, kind, call.args["name"], versions))

    def _put_container(self, call: Call) -> Reply:
        """Archive or restore every version."""
        workspace, kind, versions = self._find(call)
        given = call.body().get("properties") or {}
        strings(given.get("tags"), "properties.tags")
        for asset in versions.values():
            asset.properties["isArchived"] = bool(given.get("isArchived"))
            verb = "archive" if given.get("isArchived") else "update"
            self._cloud.write_down(call, verb, call.scope, call.args["name"], asset.tags)
        return Reply(200, _container(workspace, kind, call.args["name"], versions))

    def _delete_container(self, call: Call) -> Reply:
        workspace, kind, versions = self._find(call)
        for asset in list(versions.values()):
            self._removable(workspace, asset)
            self._cloud.write_down(call, "delete", call.request.path, call.args["name"], asset.tags)
        workspace.assets(kind).pop(call.args["name"])
        return Reply(200)

    def _versions(self, call: Call) -> Reply:
        workspace, kind = workspace_of(call), _kind(call)
        versions = workspace.assets(kind).get(call.args["name"], {})
        wanted = call.query.get("hash")
        found = [one for one in versions.values() if wanted is None or _hash(one) == wanted]
        if "createdtime desc" in call.query.get("$orderBy", ""):
            found.sort(key=lambda one: one.created, reverse=True)
        view = call.query.get("listViewType", "All" if wanted else "ActiveOnly")
        shown = [one for one in found if _visible(view, archived=bool(one.properties.get("isArchived")))]
        return page(call, [asset_body(workspace, one) for one in shown])

    def _version(self, call: Call) -> Reply:
        workspace, _, versions = self._find(call)
        return Reply(200, asset_body(workspace, self._one(call, versions)))

    def _put(self, call: Call) -> Reply:
        workspace, kind = workspace_of(call), _kind(call)
        body = call.body()
        given: Json = body.get("properties") or {}
        name, version = call.args["name"], call.args["version"]
        if not _NAME.fullmatch(name):
            raise UserError(400, f"The name '{name}' of the asset is invalid.", code="ValidationError")
        required(given, _FIXED[kind][:1] if kind != "environments" else (), "properties.")
        strings(given.get("tags"), "properties.tags")
        strings(given.get("properties"), "properties.properties") if kind == "data" else None
        if kind == "data" and given.get("dataType") not in _DATA_TYPES:
            raise UserError(400, f"The data type '{given.get('dataType')}' is not supported.", code="ValidationError")
        versions = workspace.assets(kind).setdefault(name, {})
        known = versions.get(version)
        if known is None:
            versions[version] = made = Asset(kind, name, version, given, call.now)
            self._cloud.write_down(call, "create", call.request.path, name, made.tags)
            return Reply(201, asset_body(workspace, made))
        for fixed in _FIXED[kind]:
            there, sent = (data_uri(workspace, str(one.get(fixed))) for one in (known.properties, given))
            if there != sent:
                message = f"A {kind.rstrip('s')} version with name '{name}' and version '{version}' already exists;"
                raise UserError(409, f"{message} its '{fixed}' cannot be changed.", code="Conflict")
        verb = "archive" if given.get("isArchived") and not known.properties.get("isArchived") else "update"
        self._cloud.write_down(call, verb, call.request.path, name, known.tags)
        known.properties = {**known.properties, **given}
        return Reply(200, asset_body(workspace, known))

    def _delete(self, call: Call) -> Reply:
        workspace, kind, versions = self._find(call)
        asset = self._one(call, versions)
        if kind == "models" and self._cloud.state.model_delete == "refused":
            raise AzureError(405, "MethodNotAllowed", "The requested resource does not support http method 'DELETE'.")
        self._removable(workspace, asset)
        self._cloud.write_down(call, "delete", call.request.path, asset.name, asset.tags)
        versions.pop(asset.version)
        if not versions:
            workspace.assets(kind).pop(asset.name)
        return Reply(200)

    def _removable(self, workspace: Workspace, asset: Asset) -> None:
        if asset.kind != "models":
            return
        users = deployed_by(workspace, asset)
        if users:
            message = f"Model '{asset.name}:{asset.version}' cannot be deleted because it is used by the endpoint(s)"
            raise UserError(409, f"{message} {', '.join(users)}. Delete them first.", code="Conflict")

    def _upload(self, call: Call) -> Reply:
        storage = workspace_of(call).storage
        uri = f"https://{storage.account}.blob.core.windows.net/{storage.container}"
        credential = {"credentialType": "SAS", "sasUri": f"{uri}?{self._cloud.blobs.container_sas(storage, 1)}"}
        reference = {"blobUri": uri, "storageAccountArmId": f"storage/{storage.account}", "credential": credential}
        return Reply(
            200,
            {
                "pendingUploadType": "TemporaryBlobReference",
                "pendingUploadId": "",
                "blobReferenceForConsumption": reference,
            },
        )

    def _find(self, call: Call) -> tuple[Workspace, str, dict[str, Asset]]:
        workspace, kind = workspace_of(call), _kind(call)
        found = workspace.assets(kind).get(call.args["name"])
        if found is None:
            raise UserError(
                404, f"{kind.capitalize()} container with name: {call.args['name']} not found.", code="NotFound"
            )
        return workspace, kind, found

    def _one(self, call: Call, versions: dict[str, Asset]) -> Asset:
        found = versions.get(call.args["version"])
        if found is None:
            message = f"{call.args['name']} with version {call.args['version']} was not found."
            raise UserError(404, message, code="NotFound")
        return found


def deployed_by(workspace: Workspace, asset: Asset) -> list[str]:
    """Return the names of the endpoints that serve a model version."""
    position = f"{asset.name}/versions/{asset.version}"
    serverless = [
        one.name for one in workspace.serverless.values() if _model_of(one.properties).endswith(f"/models/{position}")
    ]
    online = [
        f"{endpoint.name}/{deployment.name}"
        for endpoint in workspace.online.values()
        for deployment in endpoint.children.values()
        if str(deployment.properties.get("model", "")).endswith(f"/models/{position}")
    ]
    return serverless + online


def _model_of(properties: Json) -> str:
    return str((properties.get("modelSettings") or {}).get("modelId", ""))


def _kind(call: Call) -> str:
    return next(kind for kind in KINDS if f"/{kind}" in call.request.path.partition("/workspaces/")[2])


def _hash(asset: Asset) -> str:
    return str((asset.properties.get("properties") or {}).get("hash_sha256", ""))


def _visible(view: str, *, archived: bool) -> bool:
    return view == "All" or archived == (view == "ArchivedOnly")


def _container(workspace: Workspace, kind: str, name: str, versions: dict[str, Asset]) -> Json:
    newest = max(versions.values(), key=lambda one: one.created)
    following = str(int(newest.version) + 1) if newest.version.isdigit() else "1"
    archived = all(one.properties.get("isArchived") for one in versions.values())
    properties: Json = {
        "latestVersion": newest.version,
        "nextVersion": following,
        "isArchived": archived,
        "tags": {},
        "properties": {},
    }
    if kind == "models":
        properties["description"] = None  # as recorded: official/model-container.json
    if kind == "data":
        properties["dataType"] = newest.properties.get("dataType", "uri_file")
    if kind in {"models", "codes", "environments"}:
        properties["provisioningState"] = "Succeeded"
    return envelope(workspace, kind, name, newest.created, properties)
