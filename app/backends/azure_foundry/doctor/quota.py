"""GPU quota for managed compute; serverless fine-tuning needs none."""

import re
from collections.abc import Mapping
from typing import Any

from app.backends.azure_foundry.account.quotas import usages_path
from app.backends.azure_foundry.account.workspaces import WORKSPACES, workspace_of
from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.doctor.findings import Finding, az, passed, quotas_page, undetermined, warned
from app.backends.azure_foundry.transport.paging import text
from app.domain.backend import NotAuthorised
from app.domain.connections import Fix

# Families with NVIDIA or AMD GPUs fit for training. https://learn.microsoft.com/azure/virtual-machines/sizes/overview
_GPU = re.compile(r"standard\s*(NC|ND)", re.IGNORECASE)
_SHOWN = 3


def cores(facts: Facts) -> Finding:
    """How many GPU cores are free in the project's region."""
    if not facts.settings.workspace or not facts.settings.subscription_id:
        return undetermined("no project is chosen.")
    here = workspace_of(facts.workspace()).region
    path = usages_path(facts.settings.subscription_id, here)
    page = quotas_page(facts.settings)
    try:
        usages = facts.all(path, WORKSPACES)
    except NotAuthorised:
        fix = Fix(text="It needs the role Reader on the subscription; only managed compute depends on it.", url=page)
        return undetermined("the account may not read the subscription's quotas.", fix)
    free = sorted(((_free(each), _name(each)) for each in usages if _GPU.search(_name(each))), reverse=True)
    best = [f"{name} {count} cores" for count, name in free if count > 0][:_SHOWN]
    if best:
        return passed(f"Free for managed compute in {here}: {', '.join(best)}. Serverless needs no quota.")
    fix = Fix(
        text="Ask for quota of a GPU family, or tune serverless, which needs none.",
        command=az("ml compute list-usage", location=here),
        url=page,
    )
    return warned(f"No GPU cores are free for managed compute in {here}. Serverless needs no quota.", fix)


def _name(usage: Mapping[str, Any]) -> str:
    return text(usage, "name", "value")


def _free(usage: Mapping[str, Any]) -> int:
    limit, used = usage.get("limit"), usage.get("currentValue")
    return int(limit) - int(used) if isinstance(limit, int | float) and isinstance(used, int | float) else 0
