"""How much of a subscription's limits is used: asked of ARM, with the limits that hold for everybody beside it."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import in_azure_words
from app.domain.backend import BackendError, Rejected
from app.domain.prices import Quota, QuotaReport, Quotas

_API = "2024-10-01"
_MAX_PAGES = 10


class AzureQuotas(Quotas):
    """To say how much of the limits is used."""

    azure: Azure

    @in_azure_words
    def quotas(self) -> QuotaReport:
        """Return the machine cores of the region that are used or allowed, then the limits for everybody."""
        fixed = tuple(
            Quota(
                id=fact.id, label=fact.label, unit=fact.unit, limit=fact.limit, note=fact.note, source=fact.source,
                as_of=fact.as_of,
            )
            for fact in reference_data.limits()
        )  # fmt: skip
        try:
            return QuotaReport(quotas=(*self._usages(), *fixed))
        except BackendError as error:
            return QuotaReport(quotas=fixed, missing=f"{error.detail} {error.fix}".strip())

    def _usages(self) -> Sequence[Quota]:
        settings = self.azure.settings
        if not settings.subscription_id:
            raise Rejected("The connection names no subscription yet.", fix="Choose one on the connection's page.")
        region = self._region()
        found = [
            read
            for item in self._pages(
                f"/subscriptions/{settings.subscription_id}/providers/Microsoft.MachineLearningServices"
                f"/locations/{region}/usages"
            )
            if (read := _quota(item, region)) is not None
        ]
        # What is neither used nor allowed is noise: Azure lists every family that there is.
        return [quota for quota in found if quota.used or quota.limit]

    def _region(self) -> str:
        if self.azure.settings.workspace:
            body = self.azure.arm("GET", self.azure.workspace_path, api_version=_API).body
            if isinstance(body, dict) and isinstance(body.get("location"), str):
                return str(body["location"])
        if self.azure.settings.region:
            return self.azure.settings.region
        raise Rejected("The region is not known.", fix="Choose a project, or name the region of the connection.")

    def _pages(self, path: str) -> Iterator[Any]:
        for _page in range(_MAX_PAGES):
            body = self.azure.arm("GET", path, api_version=_API).body
            yield from body.get("value", ()) if isinstance(body, dict) else ()
            following = body.get("nextLink") if isinstance(body, dict) else None
            if not isinstance(following, str) or not following.startswith("https://"):
                return
            path = following


def _quota(item: Any, region: str) -> Quota | None:  # noqa: ANN401 -- decoded JSON of a stranger
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, dict) or not isinstance(name.get("value"), str):
        return None
    used, limit = item.get("currentValue"), item.get("limit")
    return Quota(
        id=f"{region}:{name['value']}",
        label=str(name.get("localizedValue") or name["value"])[:120],
        unit="cores",
        used=float(used) if isinstance(used, int | float) else None,
        limit=float(limit) if isinstance(limit, int | float) and limit >= 0 else None,
        region=region,
    )
