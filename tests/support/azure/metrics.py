"""Microsoft.Insights metrics of an endpoint: requests, errors and latency, out of the calls that were made."""

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.support.azure.routes import Call, Route, route
from tests.support.azure.shapes import workspace_of
from tests.support.azure.wire import AzureError, Json, Reply
from tests.support.azure.workspaces import ONE

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_LOCATIONS = ("serverlessEndpoints", "onlineEndpoints")
NAMES = {"RequestsPerMinute": "Count", "RequestLatency": "MilliSeconds"}
# Online endpoints have these, too.
PERCENTILES = {"RequestLatency_P50": "MilliSeconds", "RequestLatency_P95": "MilliSeconds"}
_GRAINS = {"PT1M": 1, "PT5M": 5, "PT15M": 15, "PT30M": 30, "PT1H": 60, "PT6H": 360, "PT12H": 720, "P1D": 1440}


class Metrics:
    """Answers for metrics."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        tail = "/providers/Microsoft.Insights/metrics"
        return [route("GET", f"{ONE}/{position}/{{name}}{tail}", self._get) for position in _LOCATIONS]

    def _get(self, call: Call) -> Reply:
        workspace = workspace_of(call)
        position = "serverless" if "serverlessendpoints" in call.request.path.lower() else "online"
        endpoint = getattr(workspace, position).get(call.args["name"])
        if endpoint is None:
            raise AzureError(
                404,
                "ResourceNotFound",
                f"The Resource '{call.request.path.partition('/providers/Microsoft.Insights')[0]}' was not found.",
            )
        wanted = [name for name in call.query.get("metricnames", "").split(",") if name]
        known = NAMES | (PERCENTILES if position == "online" else {})
        unknown = [name for name in wanted if name not in known]
        if unknown or not wanted:
            message = f"Failed to find metric configuration for metric: {', '.join(unknown) or '(none)'}."
            raise AzureError(400, "BadRequest", f"{message} Valid metrics: {','.join(known)}")
        interval = call.query.get("interval", "PT1M")
        if interval not in _GRAINS:
            raise AzureError(400, "BadRequest", f"Detected invalid time grain input: {interval}.")
        start, end = _span(call.query.get("timespan"), call.now)
        split = "statusCode" in call.query.get("$filter", "")
        calls = [one for one in endpoint.calls if start <= one[0] < end]
        value = [self._metric(call, name, calls, _GRAINS[interval], split=split) for name in wanted]
        body: Json = {
            "cost": 0,
            "timespan": f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
            "interval": interval,
            "value": value,
        }
        return Reply(
            200,
            {**body, "namespace": "microsoft.machinelearningservices/workspaces", "resourceregion": workspace.location},
        )

    def _metric(
        self, call: Call, name: str, calls: list[tuple[datetime, int, float]], minutes: int, *, split: bool
    ) -> Json:
        series: dict[str, list[tuple[datetime, int, float]]] = defaultdict(list)
        for one in calls:
            series[str(one[1]) if split else ""].append(one)
        lines = []
        for status, found in sorted(series.items()):
            values = (
                [{"name": {"value": "statusCode", "localizedValue": "statusCode"}, "value": status}] if split else []
            )
            lines.append({"metadatavalues": values, "data": _points(name, found, minutes)})
        position = f"{call.request.path}/{name}"
        label = {"value": name, "localizedValue": name}
        return {
            "id": position,
            "type": "Microsoft.Insights/metrics",
            "name": label,
            "unit": (NAMES | PERCENTILES)[name],
            "timeseries": lines,
            "errorCode": "Success",
        }


def _points(name: str, calls: list[tuple[datetime, int, float]], minutes: int) -> list[Json]:
    buckets: dict[datetime, list[float]] = defaultdict(list)
    for at, _, latency in calls:
        minute = at.replace(second=0, microsecond=0)
        buckets[minute - timedelta(minutes=(minute.hour * 60 + minute.minute) % minutes)].append(latency)
    points = []
    for at, found in sorted(buckets.items()):
        counted: Json = {"timeStamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", "count": len(found)}
        if name.startswith("RequestLatency"):
            counted |= {
                "average": sum(found) / len(found),
                "total": sum(found),
                "maximum": max(found),
                "minimum": min(found),
            }
        else:
            counted |= {"total": len(found), "average": len(found) / minutes, "maximum": len(found), "minimum": 0}
        points.append(counted)
    return points


def _span(text: str | None, now: datetime) -> tuple[datetime, datetime]:
    if not text:
        return now - timedelta(hours=1), now
    found = re.fullmatch(r"([0-9T:.-]+)(?:Z|\+00:00)?/([0-9T:.-]+)(?:Z|\+00:00)?", text.replace(" ", "+"))
    if found is None:
        raise AzureError(400, "BadRequest", f"Invalid time span: {text}")
    start, end = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in found.groups())
    return start, end
