"""How much of a subscription's limits is used: asked of ARM, with the limits that hold for everybody beside it."""

from collections.abc import Sequence

from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.paging import Body, listed, text
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
        usages = listed(self.azure, usages_path(settings.subscription_id, region), api_version=API_VERSION)
        found = [read for item in usages if (read := _quota(item, region)) is not None]
        # What is neither used nor allowed is noise: Azure lists every family that there is.
        return [quota for quota in found if quota.used or quota.limit]


def usages_path(subscription: str, region: str) -> str:
    """Return the ARM path at which the used and allowed cores of a region are listed."""
    return f"/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{region}/usages"


def _quota(item: Body, region: str) -> Quota | None:
    name = text(item, "name", "value")
    if not name:
        return None
    used, limit = item.get("currentValue"), item.get("limit")
    return Quota(
        id=f"{region}:{name}",
        label=(text(item, "name", "localizedValue") or name)[:120],
        unit="cores",
        used=float(used) if isinstance(used, int | float) else None,
        limit=float(limit) if isinstance(limit, int | float) and limit >= 0 else None,
        region=region,
    )
