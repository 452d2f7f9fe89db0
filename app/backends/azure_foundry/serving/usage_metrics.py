"""What Azure Monitor counted for an endpoint: also questions that did not pass through us."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from app.backends.azure_foundry.serving.endpoints import Endpoints
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.json_values import Body, number, parts, text
from app.domain.backend import NotAuthorised, NotFound, Rejected
from app.domain.serving import RemoteUsage, ReportsUsage
from app.kit.clock import Clock

METRICS_VERSION = "2023-10-01"
# Metrics of managed online endpoints, each averaged over a minute:
# https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-metrics
REQUESTS, P50, P95 = "RequestsPerMinute", "RequestLatency_P50", "RequestLatency_P95"
_FIGURES = ("requests", "errors", "latency_ms_p50", "latency_ms_p95")


class AzureUsageMetrics(Endpoints, ReportsUsage):
    """To say what Azure Monitor counted."""

    clock: Clock

    @translates_errors
    def usage_metrics(self, tag: str, *, over: timedelta) -> RemoteUsage:
        """Return the last `over` of an endpoint's use; what Azure Monitor does not have is None, with the reason.

        Raises:
            NotFound: when nothing serves under this tag.
        """
        since = self.clock.now() - over
        found = self.find_endpoint(tag)
        if found is None:
            raise NotFound("Nothing serves this deployment at Azure (any more).")
        return self._figures(found[0].path(tag), since)

    def _figures(self, path: str, since: datetime) -> RemoteUsage:
        missing: dict[str, str] = {}
        counted = self._series(path, since, REQUESTS, missing, "requests", "errors")
        if counted is not None and not any(_points(each) for each in counted):
            missing |= dict.fromkeys(_FIGURES, "Azure Monitor has counted nothing for this endpoint in that time.")
            return RemoteUsage(since=since, missing=missing)
        p50 = self._series(path, since, P50, missing, "latency_ms_p50")
        p95 = self._series(path, since, P95, missing, "latency_ms_p95")
        bad = [each for each in counted or () if not _status(each).startswith("2")]
        return RemoteUsage(
            since=since,
            requests=None if counted is None else round(sum(sum(_points(each)) for each in counted)),
            errors=None if counted is None else round(sum(sum(_points(each)) for each in bad)),
            latency_ms_p50=None if p50 is None else _mean(p50),
            latency_ms_p95=None if p95 is None else _mean(p95),
            missing=missing,
        )

    def _series(
        self, path: str, since: datetime, name: str, missing: dict[str, str], *figures: str
    ) -> Sequence[Body] | None:
        """Return a metric's series; None where Azure Monitor does not have it, and `missing` says why."""
        try:
            return self._metric(path, since, name, split="statusCode eq '*'" if name == REQUESTS else "")
        except NotAuthorised as error:
            reason = f"Azure Monitor may not be read: {error.detail}"
        except (NotFound, Rejected):
            reason = "Azure Monitor has no such figure for this kind of endpoint."
        missing |= dict.fromkeys(figures, reason)
        return None

    def _metric(self, path: str, since: datetime, name: str, *, split: str = "") -> Sequence[Body]:
        span: Callable[[datetime], str] = lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: E731 -- one word's use
        params = {
            "metricnames": name,
            "timespan": f"{span(since)}/{span(self.clock.now())}",
            "interval": "PT1M",
            "aggregation": "Average",
        }
        if split:
            params["$filter"] = split
        address = f"{self.azure.workspace_path}/{path}/providers/Microsoft.Insights/metrics"
        body = self.azure.arm("GET", address, api_version=METRICS_VERSION, params=params).body
        return [series for metric in parts(body, "value") for series in parts(metric, "timeseries")]


def _points(series: Body) -> list[float]:
    found = [number(point.get("average")) for point in parts(series, "data")]
    return [each for each in found if each is not None and math.isfinite(each)]


def _status(series: Body) -> str:
    values = {text(each, "name", "value").lower(): text(each, "value") for each in parts(series, "metadatavalues")}
    return values.get("statuscode", "200")


def _mean(found: Sequence[Body]) -> float | None:
    points = [point for series in found for point in _points(series)]
    return sum(points) / len(points) if points else None
