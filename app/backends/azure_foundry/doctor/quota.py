"""GPU quota for managed compute; serverless fine-tuning needs none."""

import math
import re
from collections.abc import Sequence

from app.backends.azure_foundry.account import usages
from app.backends.azure_foundry.account.quotas import usages_path
from app.backends.azure_foundry.account.usages import Usage, UsageKind
from app.backends.azure_foundry.account.workspaces import WORKSPACES, workspace_of
from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.doctor.findings import Finding, az, passed, quotas_page, undetermined, warned
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
        rows = usages.read(facts.all(path, WORKSPACES))
    except NotAuthorised:
        fix = Fix(text="It needs the role Reader on the subscription; only managed compute depends on it.", url=page)
        return undetermined("the account may not read the subscription's quotas.", fix)
    best = [f"{name} {count:.0f} cores" for count, name in _free(rows) if count > 0][:_SHOWN]
    if best:
        return passed(f"Free for managed compute in {here}: {', '.join(best)}. Serverless needs no quota.")
    fix = Fix(
        text="Ask for quota of a GPU family, or tune serverless, which needs none.",
        command=az("ml compute list-usage", location=here),
        url=page,
    )
    return warned(f"No GPU cores are free for managed compute in {here}. Serverless needs no quota.", fix)


def _free(rows: Sequence[Usage]) -> list[tuple[float, str]]:
    """Return the free cores of the GPU families, most first; no family has more than the total of all leaves."""
    left = min((each.free for each in rows if each.caps_dedicated), default=math.inf)
    families = (each for each in rows if each.kind is UsageKind.FAMILY and _GPU.search(each.name))
    return sorted(((min(each.free, left), each.name) for each in families), reverse=True)
