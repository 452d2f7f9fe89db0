"""The file under a data asset of ours: where it is in the project's datastore, and how it is deleted there.

Plain REST through the connection's one client, so deadlines, proxy and repeats are the same as for everything else. The
datastore's credential opens the storage account, a signature for an hour where it has a key, else the sign-in itself.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from app.backends.azure_foundry.transport.client import Azure, Call
from app.backends.azure_foundry.transport.errors import Conflicted
from app.backends.azure_foundry.transport.hosts import Audience
from app.backends.azure_foundry.transport.json_values import part, text
from app.backends.azure_foundry.transport.names import FILE_TAG, file_name, tags_of
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import BackendError, NotAuthorised, NotFound, Rejected, Transient

DATASTORE = "workspaceblobstore"  # the one to which azure-ai-ml uploads
REMOVED, GONE = "; the file under it was deleted, too", "; the file under it was gone already"
_EARLIER = "rows.jsonl"  # what our copies were called before they had names of their own
VERSION_HEADER = {"x-ms-version": "2021-12-02"}
_MOST = 200  # data assets that are looked through, a call each, before a file is deleted
_PLAIN = re.compile(r"[a-z0-9-]{3,63}")  # an account's or a container's name: nothing that could lead elsewhere
_URI = re.compile(
    r"azureml://(?:subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)/"
    r"(?:providers/Microsoft\.MachineLearningServices/)?workspaces/(?P<workspace>[^/]+)/)?"
    rf"datastores/{DATASTORE}/paths/(?P<path>LocalUpload/[\w.-]+/[\w.-]+)",
    re.IGNORECASE | re.ASCII,
)


def remove(workspace: Workspace, asset: str, found: dict[str, Any]) -> str:
    """Delete the file under a data asset of ours and return what became of it, as the end of a sentence.

    The asset is noted as one without its file first: should everything stop here, its rows are sent anew when they are
    needed, and a repeat goes on. What storage refuses is told, and keeps nothing else from being removed.

    Raises:
        Transient: for what passes; a repeat goes on.
    """
    path = path_of(workspace.azure, asset, found)
    if path is None:
        return "; the file under it stays where it is: it is none that was uploaded from here"
    try:
        other = named_elsewhere(workspace, asset, path)
        if other is not None:
            return f"; the file under it stays, because the data asset {other} names it, too"
        return _delete(workspace, asset, found, path)
    except Transient:
        raise
    except NotFound:
        return GONE
    except BackendError as error:
        return f"; the file under it stays in your storage account ({error.detail.rstrip('.')}): delete it there"


def path_of(azure: Azure, asset: str, found: dict[str, Any]) -> str | None:
    """Return the path of the file under an asset, if it is one that we uploaded to this project's datastore."""
    reported = _URI.fullmatch(text(found, "properties", "dataUri"))
    if reported is None:
        return None
    settings = azure.settings
    here = (settings.subscription_id, settings.resource_group, settings.workspace)
    there = reported.group("subscription", "group", "workspace")
    if any(there) and [str(each).lower() for each in there] != [str(each).lower() for each in here]:
        return None
    path = reported["path"]
    return path if path.rpartition("/")[2] in {file_name(asset.partition(":")[0]), _EARLIER} else None


def named_elsewhere(workspace: Workspace, asset: str, path: str) -> str | None:
    """Return another data asset's version, anybody's and archived or not, that names the file or its folder.

    Raises:
        Rejected: when there are too many to look through.
    """
    containers = workspace.list("data", listViewType="All")
    if len(containers) > _MOST:
        raise Rejected(f"the project has more than {_MOST} data assets: too many to see whether another one names it")
    endings = (f"/{path}", f"/{path.rpartition('/')[0]}")  # however its address begins
    for container in containers:
        name = text(container, "name")
        for each in workspace.list(f"data/{quote(name)}/versions", listViewType="All"):
            named = f"{name}:{text(each, 'name')}"
            address = text(each, "properties", "dataUri")
            if named != asset and unquote(address.partition("?")[0]).rstrip("/").endswith(endings):
                return named
    return None


def _delete(workspace: Workspace, asset: str, found: dict[str, Any], path: str) -> str:
    """Delete the file if its own note says that it was uploaded for this asset, and as it was when that was read."""
    azure, (position, signature) = workspace.azure, opened(workspace, rights="rd")
    address = f"{position}/{quote(path)}{'?' if signature else ''}{signature}"
    audience = Audience.SIGNED if signature else Audience.STORAGE
    seen = azure.send(Call("HEAD", address, headers=VERSION_HEADER, audience=audience, wants_json=False)).headers
    if seen.get("x-ms-meta-name") != asset.partition(":")[0]:  # the upload wrote it there, as azure-ai-ml does
        return "; the file under it stays where it is: it was uploaded for something else"
    _note(workspace, asset, found)
    condition = {**VERSION_HEADER, "If-Match": seen.get("ETag", "*"), "x-ms-delete-snapshots": "include"}
    try:
        azure.send(Call("DELETE", address, headers=condition, audience=audience, wants_json=False))
    except Conflicted as error:
        raise Rejected(error.detail) from None  # under a policy that keeps files for years, not busy
    return REMOVED


def _note(workspace: Workspace, asset: str, found: dict[str, Any]) -> None:
    reported, tagged = part(found, "properties"), tags_of(found)
    if FILE_TAG in tagged:
        return
    kept = {key: reported[key] for key in ("dataType", "dataUri", "properties", "isArchived") if key in reported}
    name, _, version = asset.partition(":")
    tags = {**tagged, FILE_TAG: "removed"}
    workspace.put(f"data/{name}/versions/{version}", {"properties": {**kept, "tags": tags}})


def opened(workspace: Workspace, *, rights: str) -> tuple[str, str]:
    """Return the address of the datastore's container, and a signature, or "" where the sign-in itself opens it.

    `rights` are those of a signature that is made here: letters of a container's signature, r(ead), c(reate), w(rite),
    d(elete).

    Raises:
        Rejected: when there is no such datastore, or it leads to a strange place.
    """
    path = f"datastores/{DATASTORE}"
    reported = part(workspace.get(path), "properties")
    account, container = text(reported, "accountName"), text(reported, "containerName")
    if not _PLAIN.fullmatch(account) or not _PLAIN.fullmatch(container):
        raise Rejected(f"the project has no datastore {DATASTORE} in a storage account")
    address = f"https://{account}{workspace.azure.cloud.blob}/{container}"
    if (text(reported, "credentials", "credentialsType") or "None").lower() == "none":
        return address, ""
    asked = {"expirableSecret": True, "expireAfterHours": 1}  # as azure-ai-ml asks: a signature rather than the key
    try:
        secrets = workspace.post(f"{path}/listSecrets", asked)
    except NotAuthorised:
        return address, ""  # as azure-ai-ml does
    signature, key = text(secrets, "sasToken").lstrip("?"), text(secrets, "key")
    if not signature and key:
        signature = _signed(account, container, key, rights)
    return address, signature


def _signed(account: str, container: str, key: str, rights: str) -> str:
    from azure.storage.blob import generate_container_sas

    until = datetime.now(UTC) + timedelta(hours=1)  # noqa: TID251 -- read by the storage account, on its own clock
    return str(generate_container_sas(account, container, account_key=key, permission=rights, expiry=until))
