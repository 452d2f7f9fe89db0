"""The default datastore, through which rows reach a training: how it is opened, and whether it can be."""

from app.backends.azure_foundry.account.workspaces import WORKSPACES
from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.doctor.findings import Finding, az, failed, passed, portal, undetermined, warned
from app.backends.azure_foundry.doctor.rights import allowed, permissions
from app.backends.azure_foundry.training.files import DATASTORE
from app.backends.azure_foundry.transport.known_failures import NotThere
from app.backends.azure_foundry.transport.paging import text
from app.domain.backend import BackendError, NotFound
from app.domain.connections import Fix

STORAGE = "2023-05-01"
_SECRETS = "Microsoft.MachineLearningServices/workspaces/datastores/listSecrets/action"
_BLOB_ROLE = "Storage Blob Data Contributor"
_BLOB_WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"


def datastore(facts: Facts) -> Finding:
    """Whether the datastore is there, with a key, a signature or the account's own rights, and not shut."""
    if not facts.settings.workspace:
        return undetermined("no project is chosen.")
    facts.workspace()  # where there is none, the datastore's absence tells nothing
    try:
        found = facts.get(f"{facts.azure.workspace_path}/datastores/{DATASTORE}", WORKSPACES)
    except (NotFound, NotThere):
        fix = Fix(
            text="Create the project anew, or restore its datastore.",
            url=portal(facts.settings, facts.azure.workspace_path),
        )
        return failed(f"The project has no datastore {DATASTORE}.", fix)
    account = text(found, "properties", "accountName")
    way = text(found, "properties", "credentials", "credentialsType") or "None"
    closed = _closed(facts, account, way)
    if closed is not None:
        return closed
    if way != "None":
        if allowed(permissions(facts), _SECRETS):
            return passed(f"{account}, opened with {'an account key' if way == 'AccountKey' else 'a signature'}.")
        fix = Fix(text="The role Azure AI Developer on the resource group includes it.")
        return failed(f"{account} is opened with a key, which the account may not read.", fix)
    return _by_identity(facts, account)


def _by_identity(facts: Facts, account: str) -> Finding:
    """Whether the account's own rights open the blobs, where there is no key."""
    account_path = _account_path(facts)
    if account_path is None:
        return undetermined(f"the storage account of {account} is not known.")
    held = facts.all(f"{account_path}/providers/Microsoft.Authorization/permissions", "2022-04-01")
    data = [{"actions": each.get("dataActions"), "notActions": each.get("notDataActions")} for each in held]
    if allowed(data, _BLOB_WRITE):
        return passed(f"{account}, opened with the account's own rights.")
    principal = str(facts.claims().get("oid") or "OBJECT_ID")
    fix = Fix(
        text=f"Give the account the role {_BLOB_ROLE} on the storage account.",
        command=az("role assignment create", assignee=principal, role=_BLOB_ROLE, scope=account_path),
        url=portal(facts.settings, account_path, "users"),
    )
    return failed(f"{account} takes no keys, and the account may not write blobs there.", fix)


def _closed(facts: Facts, account: str, way: str) -> Finding | None:
    """Return what keeps the storage account shut; None where nothing does, or it cannot be read."""
    account_path = _account_path(facts)
    if account_path is None:
        return None
    try:
        found = facts.get(account_path, STORAGE)
    except BackendError:
        return None  # reading the storage account needs a role of its own; the datastore says enough
    properties = found.get("properties")
    reported = properties if isinstance(properties, dict) else {}
    if reported.get("allowSharedKeyAccess") is False and way != "None":
        fix = Fix(
            text="Let the project's datastores use identities, or allow keys on the storage account.",
            command=az("storage account update", ids=account_path, allow_shared_key_access="true"),
            url=portal(facts.settings, account_path, "configuration"),
        )
        return failed(f"{account} refuses keys, but the datastore uses one.", fix)
    shut = reported.get("publicNetworkAccess") == "Disabled"
    if shut or text(reported, "networkAcls", "defaultAction") == "Deny":
        fix = Fix(
            text="Run TuneDesk inside the network, or let this machine's address in.",
            command=az("storage account network-rule add", account_name=account, ip_address="ADDRESS"),
            url=portal(facts.settings, account_path, "networking"),
        )
        return warned(
            f"{account} takes calls from {'private endpoints' if shut else 'chosen networks'} only: uploads may fail.",
            fix,
        )
    return None


def _account_path(facts: Facts) -> str | None:
    found = text(facts.workspace(), "properties", "storageAccount")
    return found if found.startswith("/subscriptions/") else None
