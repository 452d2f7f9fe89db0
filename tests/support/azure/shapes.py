"""How the machine-learning service writes its resources, and how it pages its lists."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from tests.support.azure.routes import Call
from tests.support.azure.state import ML, Asset, Resource, Workspace
from tests.support.azure.wire import AnyJson, AzureError, Json, Reply, UserError

T = TypeVar("T")


def system_data(created: datetime) -> Json:
    """Return who made a resource and when."""
    when = f"{created:%Y-%m-%dT%H:%M:%S.%f}1+00:00"  # seven digits, as the service writes them
    who = {"createdBy": "TuneDesk", "createdByType": "Application", "lastModifiedBy": "TuneDesk"}
    return {**who, "createdAt": when, "lastModifiedAt": when, "lastModifiedByType": "Application"}


def workspace_of(call: Call) -> Workspace:
    """Return the workspace a call is about; raises AzureError 404, and 409 for a change below it while it changes."""
    found = call.cloud.state.workspace(call.args["ws"], call.args["rg"])
    if found is None or found.subscription != call.args["sub"]:
        kind = f"{ML}/workspaces/{call.args['ws']}"
        message = f"The Resource '{kind}' under resource group '{call.args['rg']}' was not found."
        message = f"{message} For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        raise AzureError(404, "ResourceNotFound", message)
    below = "/" in call.request.path.lower().partition("/workspaces/")[2]
    if below and call.request.method not in {"GET", "HEAD"} and call.cloud.operations.running(found.operation):
        message = f"Workspace '{found.name}' is in state '{found.state}'; another operation is in progress on it."
        raise UserError(409, message, code="Conflict")
    return found


def envelope(workspace: Workspace, kind: str, name: str, created: datetime, properties: Json) -> Json:
    """Return a child resource of a workspace; `kind` is its path below, such as `jobs` or `models/m/versions`."""
    words = kind.split("/")
    return {
        "id": f"{workspace.id}/{kind}/{name}",
        "name": name,
        "type": f"{ML}/workspaces/{'/'.join(words[::2])}",
        "systemData": system_data(created),
        "properties": properties,
    }


def asset_body(workspace: Workspace, asset: Asset) -> Json:
    """Return one version of an asset."""
    named: Json = {"isAnonymous": False, "isArchived": False, "tags": {}, "properties": {}}
    nulls: Json = {"models": {"flavors": {}, "jobName": None}, "data": {"description": None}}
    named |= nulls.get(asset.kind, {})
    properties = {**named, **asset.properties}
    if asset.kind == "data":
        properties["dataUri"] = data_uri(workspace, str(properties.get("dataUri")))
    return envelope(workspace, f"{asset.kind}/{asset.name}/versions", asset.version, asset.created, properties)


def data_uri(workspace: Workspace, sent: str) -> str:
    """Return the address of a file in a datastore as the service writes it: in full, with its group in small letters,
    as recorded (`official/data-version.json`).
    """
    path = sent.removeprefix("azureml://datastores/")
    position = f"subscriptions/{workspace.subscription}/resourcegroups/{workspace.group}/workspaces/{workspace.name}"
    return sent if path == sent else f"azureml://{position}/datastores/{path}"


def resource_body(workspace: Workspace, resource: Resource, properties: Json, parent: str = "") -> Json:
    """Return a resource with location and tags, as it was sent plus what the service adds."""
    kind = f"{parent}{resource.kind}"
    body = envelope(workspace, kind, resource.name, resource.created, properties)
    extras = {key: resource.body[key] for key in ("sku", "kind", "identity") if resource.body.get(key) is not None}
    return {**body, **extras, "location": workspace.location, "tags": resource.tags}


def page(call: Call, items: Sequence[Json]) -> Reply:
    """Return one page of a list that is written already."""
    return page_of(call, items, lambda one: one)


def page_of(call: Call, items: Sequence[T], written: Callable[[T], Json]) -> Reply:
    """Return one page of a list, with a `nextLink` where more follow (`$skip`, and `$top` where it is given).

    `written` turns an item into JSON, and is asked only for those that the page shows.
    """
    skip = _number(call.query.get("$skip"))
    size = min(_number(call.query.get("$top")) or call.cloud.state.pace.page_size, call.cloud.state.pace.page_size)
    body: Json = {"value": [written(one) for one in items[skip : skip + size]]}
    if skip + size < len(items) and "$top" not in call.query:
        query = {**call.query, "$skip": str(skip + size)}
        body["nextLink"] = f"https://{call.request.host}{call.request.path}?{urlencode(query)}"
    return Reply(200, body)


def _number(text: str | None) -> int:
    if not text:
        return 0
    if not text.isdigit():
        raise UserError(400, f"The continuation token '{text}' is invalid.")
    return int(text)


def only(body: Json, allowed: set[str], kind: str, path: str = "") -> None:
    """Refuse members that this api-version does not know; raises AzureError 400."""
    for name in body:
        if name not in allowed:
            message = f"Could not find member '{name}' on object of type '{kind}'. Path '{path}{name}'."
            raise AzureError(400, "BadRequest", message, target=f"{path}{name}")


def required(body: Json, names: Sequence[str], path: str = "") -> None:
    """Refuse a body that lacks a member; raises AzureError 400."""
    for name in names:
        if body.get(name) in (None, ""):
            message = f"Required property '{name}' not found in JSON. Path '{path.rstrip('.')}'."
            raise AzureError(400, "BadRequest", message, target=f"{path}{name}")


def strings(value: AnyJson, path: str) -> None:
    """Refuse a map whose values are no strings; raises AzureError 400."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise AzureError(400, "BadRequest", f"Error converting value to a map of strings. Path '{path}'.", target=path)
    for name, item in value.items():
        if not isinstance(item, str):
            message = f"Error converting value {item!r} to type 'System.String'. Path '{path}.{name}'."
            raise AzureError(400, "BadRequest", message, target=f"{path}.{name}")
