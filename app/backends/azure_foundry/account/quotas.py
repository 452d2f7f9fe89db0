"""How much of a subscription's limits is used: asked of ARM, with the limits that hold for everybody beside it."""

from collections.abc import Sequence

from app.backends.azure_foundry.account import usages
from app.backends.azure_foundry.account.usages import Usage, UsageKind
from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.paging import listed
from app.backends.azure_foundry.transport.workspace import API_VERSION, Workspace
from app.domain.backend import BackendError, Rejected
from app.domain.prices import Quota, QuotaReport, Quotas


class AzureQuotas(Quotas):
    """To say how much of the limits is used."""

    azure: Azure
    workspace: Workspace

    @translates_errors
    def quotas(self) -> QuotaReport:
        """Return the machine cores of the region that are used or allowed, then the limits for everybody."""
        fixed = reference_data.limits()
        try:
            return QuotaReport(quotas=(*self._usages(), *fixed))
        except BackendError as error:
            return QuotaReport(quotas=fixed, missing=f"{error.detail} {error.fix}".strip())

    def _usages(self) -> Sequence[Quota]:
        settings = self.azure.settings
        if not settings.subscription_id:
            raise Rejected("The connection names no subscription yet.", fix="Choose one on the connection's page.")
        region = self.workspace.location.region if settings.workspace else settings.region
        if not region:
            raise Rejected("The region is not known.", fix="Choose a project, or name the region of the connection.")
        rows = listed(self.azure, usages_path(settings.subscription_id, region), api_version=API_VERSION)
        # What is neither used nor allowed is noise: Azure lists every family that there is.
        found = [each for each in usages.read(rows) if each.used or each.limit]
        found.sort(key=lambda each: _ORDER[each.kind])
        return [_quota(each, region) for each in found]


def usages_path(subscription: str, region: str) -> str:
    """Return the ARM path at which the used and allowed cores of a region are listed."""
    return f"/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{region}/usages"


# The subscription's own first, then whose part of them is how large.
_ORDER = {kind: number for number, kind in enumerate(UsageKind)}


def _quota(usage: Usage, region: str) -> Quota:
    part = "/".join(each for each in (usage.workspace, usage.compute) if each)
    unknown = usage.kind is UsageKind.UNKNOWN
    return Quota(
        id=":".join(each for each in (region, usage.name, part or (usage.type if unknown else "")) if each),
        label=usage.label,
        unit=usage.unit,
        used=usage.used,
        limit=usage.limit,
        region=region,
        used_by=_user(usage),
        note=f"Azure counts it as {usage.type[:60]!r}, a kind that this version does not know." if unknown else "",
    )


def _user(usage: Usage) -> str:
    if usage.compute:
        return f"cluster {usage.compute} of workspace {usage.workspace}"
    return f"workspace {usage.workspace}" if usage.workspace else ""
