"""What the account may do: told from the permissions that Azure counts together for it, train and deploy apart."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.doctor.findings import Finding, az, failed, passed, portal
from app.backends.azure_foundry.transport.paging import text
from app.domain.backend import BackendError
from app.domain.connections import Fix

AUTHORIZATION = "2022-04-01"
_ML = "Microsoft.MachineLearningServices/workspaces"
# What each needs. https://learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning
TRAIN = (
    f"{_ML}/datastores/listSecrets/action",
    f"{_ML}/data/versions/write",
    f"{_ML}/jobs/write",
    f"{_ML}/jobs/cancel/action",
    f"{_ML}/models/versions/read",
)
DEPLOY = (
    f"{_ML}/serverlessEndpoints/write",
    f"{_ML}/serverlessEndpoints/delete",
    f"{_ML}/serverlessEndpoints/listKeys/action",
    f"{_ML}/models/versions/delete",
)
ROLE = "Azure AI Developer"


def allowed(permissions: Iterable[Mapping[str, Any]], action: str) -> bool:
    """Tell whether any role allows an action; each role's exclusions take from its own actions only.

    Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions#notactions
    """
    return any(
        _matches(each.get("actions"), action) and not _matches(each.get("notActions"), action) for each in permissions
    )


def _matches(patterns: object, action: str) -> bool:
    if not isinstance(patterns, Sequence) or isinstance(patterns, str):
        return False
    return any(isinstance(each, str) and _pattern(each).fullmatch(action) is not None for each in patterns)


@lru_cache(maxsize=1024)
def _pattern(wildcards: str) -> re.Pattern[str]:
    return re.compile(re.escape(wildcards).replace(r"\*", ".*"), re.IGNORECASE)


def train(facts: Facts) -> Finding:
    """Whether the account may bring data, submit, follow and cancel jobs, and see the model."""
    return _may(facts, TRAIN, "train")


def deploy(facts: Facts) -> Finding:
    """Whether the account may deploy, read keys, and clear away."""
    return _may(facts, DEPLOY, "deploy and clear away")


def permissions(facts: Facts) -> Sequence[Mapping[str, Any]]:
    """Return the permissions that hold for the account on the project, or its group where none is chosen.

    Raises:
        BackendError: translated.
    """
    return facts.all(f"{_scope(facts)}/providers/Microsoft.Authorization/permissions", AUTHORIZATION)


def _scope(facts: Facts) -> str:
    return facts.azure.workspace_path if facts.settings.workspace else facts.azure.group_path


def _may(facts: Facts, actions: Sequence[str], what: str) -> Finding:
    held = permissions(facts)
    missing = [each for each in actions if not allowed(held, each)]
    roles = _roles(facts)
    as_what = f" as {', '.join(roles)}" if roles else ""
    if not missing:
        return passed(f"The account may {what}{as_what}.")
    short = ", ".join(each.removeprefix("Microsoft.MachineLearningServices/") for each in missing)
    return failed(f"The account may not {what}{as_what}: it lacks {short}.", _grant(facts))


def _grant(facts: Facts) -> Fix:
    group = facts.azure.group_path
    principal = str(facts.claims().get("oid") or "OBJECT_ID")
    return Fix(
        text=f"Let an owner of the resource group give the account the role {ROLE}; it works after a few minutes.",
        command=az("role assignment create", assignee=principal, role=ROLE, scope=group),
        url=portal(facts.settings, group, "users"),
    )


def _roles(facts: Facts) -> list[str]:
    """Return the names of the account's roles there, as far as they can be read; they are for showing only."""
    principal = facts.claims().get("oid")
    if not principal:
        return []
    scope = _scope(facts)
    try:
        given = facts.all(
            f"{scope}/providers/Microsoft.Authorization/roleAssignments",
            AUTHORIZATION,
            {"$filter": f"assignedTo('{principal}')"},
        )
        definitions = facts.all(f"{scope}/providers/Microsoft.Authorization/roleDefinitions", AUTHORIZATION)
    except BackendError:
        return []
    names = {text(each, "name").lower(): text(each, "properties", "roleName") for each in definitions}
    ids = [text(each, "properties", "roleDefinitionId").rpartition("/")[2].lower() for each in given]
    return sorted({names[each] for each in ids if names.get(each)})
